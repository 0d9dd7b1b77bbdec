package resource

// Streams are the standard input and output of a container.
type Streams struct{}
