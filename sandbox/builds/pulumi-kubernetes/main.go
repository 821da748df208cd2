// The official Kubernetes plugin of Pulumi, served from its Go module.
//
// The module's own command embeds two files that a generator makes of the two that are embedded here.
// The build puts them beside this file.
package main

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	// What the generator adds to the schema is the version.
	versioned := fmt.Appendf(nil, `{"version":%q,`, version.Version)
	schema = bytes.Replace(schema, []byte("{"), versioned, 1)
	provider.Serve("kubernetes", version.Version, schema, terraformMapping)
}
