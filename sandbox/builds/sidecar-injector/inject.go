package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	injectAnnotation = "sidecar.istio.io/inject"
	statusAnnotation = "sidecar.istio.io/status"
)

// injector is what the two ConfigMaps say.
type injector struct {
	Policy   string `json:"policy"`
	Template string `json:"template"`
	mesh     mesh
}

// sidecar is what the template renders to; each list is added to the Pod's.
type sidecar struct {
	InitContainers   []corev1.Container            `json:"initContainers"`
	Containers       []corev1.Container            `json:"containers"`
	Volumes          []corev1.Volume               `json:"volumes"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets"`
}

func load(injectFile, meshFile string) (*injector, error) {
	found := injector{mesh: defaults()}
	for file, into := range map[string]any{injectFile: &found, meshFile: &found.mesh} {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(content, into); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return &found, nil
}

// wants tells whether a Pod gets a sidecar: its annotation decides, else the policy.
func (i *injector) wants(pod corev1.Pod, namespace string) bool {
	// Its network is the node's, which a sidecar must not redirect.
	if pod.Spec.HostNetwork || namespace == "kube-system" || namespace == "kube-public" {
		return false
	}
	switch strings.ToLower(pod.Annotations[injectAnnotation]) {
	case "":
		return i.Policy == "enabled"
	case "y", "yes", "true", "on":
		return i.Policy == "enabled" || i.Policy == "disabled"
	}
	return false
}

// patch makes the JSON patch (RFC 6902) that adds the sidecar; nil for a Pod that gets none.
func (i *injector) patch(object []byte, namespace string) ([]byte, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(object, &pod); err != nil {
		return nil, err
	}
	if _, injected := pod.Annotations[statusAnnotation]; injected || !i.wants(pod, namespace) {
		return nil, nil
	}
	added, err := i.render(pod)
	if err != nil {
		return nil, err
	}
	status, err := json.Marshal(added.names())
	if err != nil {
		return nil, err
	}
	annotations := map[string]string{statusAnnotation: string(status)}
	maps.Copy(annotations, pod.Annotations)
	return json.Marshal(slices.Concat(
		appended("/spec/initContainers", len(pod.Spec.InitContainers), added.InitContainers),
		appended("/spec/containers", len(pod.Spec.Containers), added.Containers),
		appended("/spec/volumes", len(pod.Spec.Volumes), added.Volumes),
		appended("/spec/imagePullSecrets", len(pod.Spec.ImagePullSecrets), added.ImagePullSecrets),
		[]operation{{"add", "/metadata/annotations", annotations}},
	))
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// appended adds items to a list of a length; a list that isn't there can only be added whole.
func appended[T any](path string, length int, items []T) []operation {
	if len(items) > 0 && length == 0 {
		return []operation{{"add", path, items}}
	}
	var found []operation
	for _, item := range items {
		found = append(found, operation{"add", path + "/-", item})
	}
	return found
}

func (i *injector) render(pod corev1.Pod) (*sidecar, error) {
	parsed, err := template.New("inject").Delims("[[", "]]").Funcs(functions).Parse(i.Template)
	if err != nil {
		return nil, err
	}
	var rendered bytes.Buffer
	if err := parsed.Execute(&rendered, map[string]any{
		"ObjectMeta":  pod.ObjectMeta,
		"Spec":        pod.Spec,
		"MeshConfig":  i.mesh,
		"ProxyConfig": i.mesh.DefaultConfig,
	}); err != nil {
		return nil, err
	}
	var found sidecar
	if err := yaml.Unmarshal(rendered.Bytes(), &found); err != nil {
		return nil, fmt.Errorf("the rendered template is no YAML: %w", err)
	}
	return &found, nil
}

// names lists what was added, for the annotation that marks an injected Pod.
func (s *sidecar) names() map[string][]string {
	found := map[string][]string{}
	for _, each := range s.InitContainers {
		found["initContainers"] = append(found["initContainers"], each.Name)
	}
	for _, each := range s.Containers {
		found["containers"] = append(found["containers"], each.Name)
	}
	for _, each := range s.Volumes {
		found["volumes"] = append(found["volumes"], each.Name)
	}
	for _, each := range s.ImagePullSecrets {
		found["imagePullSecrets"] = append(found["imagePullSecrets"], each.Name)
	}
	return found
}
