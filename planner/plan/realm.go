package plan

// Namespace is a containerd namespace.
type Namespace struct {
	Labels     map[string]string
	Images     int
	Containers map[string]*Container
}

// KeptImages is the value of [LabelKept] of a namespace that holds only images.
const KeptImages = "images"
