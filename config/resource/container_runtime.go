package resource

// Runtime is what the kernel gives the processes of a container beyond their limits: namespaces, parameters, devices.
type Runtime struct {
	Ulimits     map[string]string `json:"ulimits,omitempty" kuke:"replace,check=ulimit" doc:"Limits of each process by their name in setrlimit(2): soft:hard, or one number for both; -1 is unlimited. In YAML and HCL also an object with soft and hard. Default: 1024:524288 for nofile, as far as the host allows; others as containerd has them."`
	Annotations map[string]string `json:"annotations,omitempty" kuke:"replace,check=annotation" doc:"Annotations of the OCI spec, for the runtime and its hooks. Keys below kukeon.io/ are reserved."`
}
