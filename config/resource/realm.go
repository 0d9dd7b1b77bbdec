package resource

// Realm is a containerd namespace and the top cgroup of everything in it.
type Realm struct {
	Namespace           string               `json:"namespace,omitempty" kuke:"early,replace" doc:"The containerd namespace. Default: kukeon-<realm>."`
	RegistryCredentials []RegistryCredential `json:"registryCredentials,omitempty" kuke:"recorded,key=serverAddress" doc:"Credentials for the registries of images, before those of Docker's and Podman's files."`
	Common
}

// Kind returns [KindRealm].
func (*Realm) Kind() Kind { return KindRealm }

// RegistryCredential is a user name for a registry, and the place of the password. The password itself is never recorded.
type RegistryCredential struct {
	ServerAddress    string `json:"serverAddress" kuke:"recorded,required,check=registry" doc:"Host of the registry, like ghcr.io or registry.example.com:5000, or the beginning of the names of its repositories, like ghcr.io/team."`
	Username         string `json:"username" kuke:"recorded,required" doc:"User name."`
	PasswordFromEnv  string `json:"passwordFromEnv,omitempty" kuke:"recorded" doc:"Environment variable of kuke that holds the password or the token."`
	PasswordFromFile string `json:"passwordFromFile,omitempty" kuke:"recorded" doc:"File that holds the password or the token, relative to the directory of the configuration file. A line break at its end does not count."`
}

// NamespaceOf returns the containerd namespace of the realm at p with spec r: its own choice, or the default.
func NamespaceOf(p Path, r *Realm) string {
	if r != nil && r.Namespace != "" {
		return r.Namespace
	}
	return "kukeon-" + p.Realm().Name()
}
