package plan

import "github.com/kukeon/kuke/config/resource"

// Labels by which kuke recognises its own in containerd. They are never the record.
const (
	LabelPath        = "kukeon.io/path"
	LabelProject     = "kukeon.io/project"
	LabelRole        = "kukeon.io/role" // of a container: "root", or its name
	LabelSpecDigest  = "kukeon.io/spec-digest"
	LabelImageDigest = "kukeon.io/image-digest"
	LabelKept        = "kukeon.io/kept"  // of the containerd namespace of a deleted realm: the reason why it was kept, [KeptImages]
	LabelID          = "kukeon.io/id"    // of a container that was renamed: its id, which doesn't follow from its path any more
	LabelTrial       = "kukeon.io/trial" // of a container that [OpPrepare] makes for a moment: the path of the container that it rehearses
)

// Claims returns the path in the labels of the container with the id. ok is false where the labels were copied from another
// container.
func Claims(id string, labels map[string]string) (p resource.Path, ok bool) {
	p, err := resource.ParsePath(labels[LabelPath])
	return p, err == nil && p.Kind() == resource.KindContainer && (resource.ContainerID(p) == id || labels[LabelID] == id)
}
