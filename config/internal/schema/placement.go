package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// Placement describes the fields of a body that say which resource it is and which resources are in it, in the same way as the
// attributes of its spec. A field that only manifests or only HCL has, has no name in the other.
func Placement(k resource.Kind) []*resource.Attribute {
	fields := []*resource.Attribute{{Name: "id", Type: resource.TypeString, Check: "name", Doc: "The name once more: where it is given, it must be that of metadata."}}
	var shape []string
	names, required := manifest.ParentFields(k)
	for i, name := range names {
		above := resource.Kinds[i].Lower()
		shape = append(shape, above)
		fields = append(fields, &resource.Attribute{Name: name, Type: resource.TypeString, Required: i < required, Check: "name", Doc: fmt.Sprintf("Name of the %s that it is in.", above)})
	}
	if len(shape) > 0 {
		fields = append(fields, &resource.Attribute{HCLName: "parent", Type: resource.TypeString, Doc: fmt.Sprintf("Path of the resource that it is in, %s: of a block at the top level, which needs it. A nested block has none.", strings.Join(shape, "/"))})
	}
	fields = append(fields, &resource.Attribute{Name: "external", HCLName: "external", Type: resource.TypeBool, Doc: "The resource is managed elsewhere: it must exist, and is left alone."})
	fields = append(fields, &resource.Attribute{Name: "lifecycle", HCLName: "lifecycle", Type: resource.TypeObject, Fields: resource.LifecycleAttributes(), Doc: "How the resource may change."})
	if k == resource.KindCell {
		fields = append(fields, &resource.Attribute{Name: "rootContainerId", HCLName: "root_container_id", Type: resource.TypeString, Doc: "Name of the root container, where no container says root = true. Default: the one that is recorded; in a new cell, the first that waits for no other."})
	}
	for _, child := range resource.AllKinds {
		if !slices.Contains(child.Parents(), k) {
			continue
		}
		a := &resource.Attribute{HCLName: child.Lower(), Type: resource.TypeObjects, Fields: child.Attributes(), Doc: fmt.Sprintf("The %ss in it, each a block with a name.", child.Lower())}
		if k == resource.KindCell {
			a.Name, a.Doc = "containers", "The containers in it: in HCL a block with a name for each; in YAML their specs, which need no parents, but an id."
		}
		fields = append(fields, a)
	}
	return fields
}
