// Prints types.json: the fields of Kubernetes' built-in kinds, as the Go client spells them.
//
// The official plugin sends objects through these Go types, which drops unknown fields and
// empty ones; the stand-in does the same from this table. To renew it, in this folder:
//
//	go run . > ../types.json
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
)

var types = map[string]map[string]string{}

var special = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):    "q",
	reflect.TypeOf(intstr.IntOrString{}):   "I",
	reflect.TypeOf(metav1.Time{}):          "any",
	reflect.TypeOf(metav1.MicroTime{}):     "any",
	reflect.TypeOf(metav1.Duration{}):      "any",
	reflect.TypeOf(metav1.FieldsV1{}):      "any",
	reflect.TypeOf(runtime.RawExtension{}): "any",
}

// spell writes a type: * pointer, [ list, { map, @ struct, else a scalar.
func spell(t reflect.Type) string {
	if name, ok := special[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + spell(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "x"
		}
		return "[" + spell(t.Elem())
	case reflect.Map:
		return "{" + spell(t.Elem())
	case reflect.Struct:
		if reflect.PointerTo(t).Implements(reflect.TypeOf((*json.Marshaler)(nil)).Elem()) {
			return "any"
		}
		return "@" + describe(t)
	case reflect.String:
		return "s"
	case reflect.Bool:
		return "b"
	case reflect.Float32, reflect.Float64:
		return "f"
	case reflect.Interface:
		return "any"
	default:
		return "i"
	}
}

func describe(t reflect.Type) string {
	path := strings.Split(t.PkgPath(), "/")
	name := strings.Join(path[len(path)-2:], "/") + "." + t.Name()
	if _, ok := types[name]; !ok {
		types[name] = map[string]string{}
		addFields(types[name], t)
	}
	return name
}

func addFields(fields map[string]string, t reflect.Type) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			addFields(fields, inner)
			continue
		}
		spelled := spell(field.Type)
		if strings.Contains(options, "omitempty") {
			spelled = "?" + spelled
		}
		fields[name] = spelled
	}
}

func main() {
	kinds := map[string]string{}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		// Lists and the options of requests are no objects of a program.
		if _, ok := t.FieldByName("ObjectMeta"); !ok || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		kinds[gvk.GroupVersion().String()+"/"+gvk.Kind] = describe(t)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"kinds": kinds, "types": types}); err != nil {
		panic(err)
	}
}
