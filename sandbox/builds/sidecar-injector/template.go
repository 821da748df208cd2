package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mesh is the mesh's settings that templates of Istio 1.0 look at, by their names there.
type mesh struct {
	ProxyListenPort int         `json:"proxyListenPort"`
	DefaultConfig   proxyConfig `json:"defaultConfig"`
}

type proxyConfig struct {
	ConfigPath             string   `json:"configPath"`
	BinaryPath             string   `json:"binaryPath"`
	ServiceCluster         string   `json:"serviceCluster"`
	DrainDuration          duration `json:"drainDuration"`
	ParentShutdownDuration duration `json:"parentShutdownDuration"`
	DiscoveryAddress       string   `json:"discoveryAddress"`
	DiscoveryRefreshDelay  duration `json:"discoveryRefreshDelay"`
	ZipkinAddress          string   `json:"zipkinAddress"`
	ConnectTimeout         duration `json:"connectTimeout"`
	StatsdUdpAddress       string   `json:"statsdUdpAddress"`
	ProxyAdminPort         int      `json:"proxyAdminPort"`
	Concurrency            int      `json:"concurrency"`
	ControlPlaneAuthPolicy mode     `json:"controlPlaneAuthPolicy"`
	InterceptionMode       mode     `json:"interceptionMode"`
}

// mode is an enumeration's value; templates ask for its String.
type mode string

func (m mode) String() string { return string(m) }

// duration is written as in Go: 1m0s.
type duration time.Duration

func (d *duration) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(written)
	*d = duration(parsed)
	return err
}

// defaults are Istio 1.0's for what its chart doesn't set.
func defaults() mesh {
	return mesh{
		ProxyListenPort: 15001,
		DefaultConfig: proxyConfig{
			ConfigPath:             "/etc/istio/proxy",
			BinaryPath:             "/usr/local/bin/envoy",
			ServiceCluster:         "istio-proxy",
			DrainDuration:          duration(2 * time.Second),
			ParentShutdownDuration: duration(3 * time.Second),
			DiscoveryAddress:       "istio-pilot:15007",
			DiscoveryRefreshDelay:  duration(time.Second),
			ConnectTimeout:         duration(time.Second),
			ProxyAdminPort:         15000,
			ControlPlaneAuthPolicy: "NONE",
			InterceptionMode:       "REDIRECT",
		},
	}
}

// functions are what a template of Istio 1.0 may call.
var functions = template.FuncMap{
	"annotation": func(meta metav1.ObjectMeta, name string, otherwise any) string {
		if value, set := meta.Annotations[name]; set {
			return value
		}
		return fmt.Sprint(otherwise)
	},
	"isset": func(values map[string]string, key string) bool {
		_, set := values[key]
		return set
	},
	"toJson": func(values map[string]string) (string, error) {
		if values == nil {
			values = map[string]string{}
		}
		text, err := json.Marshal(values)
		return string(text), err
	},
	"formatDuration": func(d duration) string { return time.Duration(d).String() },
	"includeInboundPorts": func(containers []corev1.Container) string {
		return tcpPorts(containers)
	},
	"applicationPorts": func(containers []corev1.Container) string {
		return tcpPorts(slices.DeleteFunc(slices.Clone(containers), func(c corev1.Container) bool {
			return c.Name == "istio-proxy"
		}))
	},
	"excludeInboundPort": func(excluded any, others string) string {
		number := strings.TrimSpace(fmt.Sprint(excluded))
		ports := strings.FieldsFunc(others, func(r rune) bool { return r == ',' || r == ' ' })
		if number != "" && number != "0" && !slices.Contains(ports, number) {
			ports = append(ports, number)
		}
		return strings.Join(ports, ",")
	},
}

// tcpPorts lists the ports of containers: only TCP is redirected to a sidecar.
func tcpPorts(containers []corev1.Container) string {
	var found []string
	for _, each := range containers {
		for _, p := range each.Ports {
			if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
				found = append(found, fmt.Sprint(p.ContainerPort))
			}
		}
	}
	return strings.Join(found, ",")
}
