package resource

// Files are the files that the configuration gives to a container.
type Files struct {
	// EnvFile is read with the configuration, as sensitive values of env: no tree with values and no record has it.
	EnvFile []string `json:"envFile,omitempty" kuke:"replace,check=envfile" doc:"Files of environment variables, relative to the directory of the configuration file, as Docker Compose reads them: NAME=value on each line. A later file wins over an earlier one, and env over both. A file that may be missing ends in a question mark: local.env?. All values are sensitive."`
}
