// The kinds of Kubernetes that yaml/v2 and helm/v4 can make, which is none in this build.
//
// Upstream's file of this name knows them all, by 60 generated packages that take two thirds of the
// plugin's build. Nothing else in the plugin needs those packages, and this project uses neither
// yaml/v2 nor helm/v4.
package v2

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// IsListKind tells whether a kind is a list of objects.
func IsListKind(_, kind string) bool {
	return strings.HasSuffix(kind, "List")
}

// RegisterResource refuses every kind.
func RegisterResource(
	_ *pulumi.Context, apiVersion, kind, name string, _ pulumi.Input, _ ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	return nil, fmt.Errorf(
		"%s %s %s: yaml/v2 and helm/v4 are not in this build of the kubernetes plugin; "+
			"use yaml.ConfigFile and helm.v3.Chart, or install the official build", apiVersion, kind, name)
}
