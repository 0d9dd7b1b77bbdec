package resource

// Runtime is what the kernel gives the processes of a container beyond their limits: namespaces, parameters, devices.
type Runtime struct{}
