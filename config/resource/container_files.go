package resource

// Files are the files that the configuration gives to a container.
type Files struct{}
