package resource

import (
	"io/fs"
	"strconv"
)

// MaxConfig and MaxConfigs are the maximum sizes of the content of a config, and of all configs of a container together, in bytes.
const (
	MaxConfig  = 1 << 20
	MaxConfigs = 4 << 20
)

// Files are the files that the configuration gives to a container.
type Files struct {
	// EnvFile is read with the configuration, as sensitive values of env: no tree with values and no record has it.
	EnvFile []string `json:"envFile,omitempty" kuke:"replace,check=envfile" doc:"Files of environment variables, relative to the directory of the configuration file, as Docker Compose reads them: NAME=value on each line. A later file wins over an earlier one, and env over both. A file that may be missing ends in a question mark: local.env?. All values are sensitive."`
	Configs []Config `json:"configs,omitempty" kuke:"replace,block=config,key=name" doc:"Texts of the configuration, mounted as files."`
}

// Config is a text of the configuration, mounted into the container as a file that nobody can change.
type Config struct {
	Name    string `json:"name" kuke:"replace,required,check=name" doc:"Name of the config."`
	Content string `json:"content,omitempty" kuke:"replace" doc:"Content of the file, at most 1 MiB. Plans show it: use a secret for a text that nobody may see."`
	// FromFile and FromEnv are replaced by Content when the configuration is loaded.
	FromFile  string `json:"fromFile,omitempty" kuke:"replace" doc:"File that holds the content, relative to the directory of the configuration file."`
	FromEnv   string `json:"fromEnv,omitempty" kuke:"replace" doc:"Environment variable of kuke that holds the content."`
	MountPath string `json:"mountPath,omitempty" kuke:"replace,check=abspath" doc:"File in the container. Default: /<name>."`
	Permissions
}

// Target returns the mount point of the config in the container.
func (c Config) Target() string {
	if c.MountPath != "" {
		return c.MountPath
	}
	return "/" + c.Name
}

// DefaultFileMode is the mode of a file that chooses none: everybody in the container may read it.
const DefaultFileMode fs.FileMode = 0o444

// Permissions say who may use a file in the container.
type Permissions struct {
	Mode string `json:"mode,omitempty" kuke:"live,check=filemode,default=0444" doc:"Mode of the file, in octal digits such as 0440."`
	UID  *int64 `json:"uid,omitempty" kuke:"live,min=0,max=2147483647" doc:"Id of the user that owns the file. Default: the user of the container."`
	GID  *int64 `json:"gid,omitempty" kuke:"live,min=0,max=2147483647" doc:"Id of the group of the file. Default: the group of the container."`
}

// FileMode returns the mode of the file.
func (p Permissions) FileMode() fs.FileMode {
	if n, err := strconv.ParseUint(p.Mode, 8, 32); err == nil && p.Mode != "" {
		return fs.FileMode(n) & fs.ModePerm
	}
	return DefaultFileMode
}

// Owner returns the ids of the user and the group of the file, for a container that runs as the given ones.
func (p Permissions) Owner(uid, gid int) (fileUID, fileGID int) {
	if p.UID != nil {
		uid = int(*p.UID)
	}
	if p.GID != nil {
		gid = int(*p.GID)
	}
	return uid, gid
}
