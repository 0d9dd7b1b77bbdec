package resource

// Naming is how a container and its cell are called, and how they find others.
type Naming struct{}
