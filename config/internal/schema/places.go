package schema

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// Places resolves relative paths of the host in a configuration.
type Places struct {
	// Elsewhere says that the configuration is on another machine than the host, so that they mean nothing.
	Elsewhere bool
}

// abs returns the absolute path that source, which a file of the configuration says, means on the host.
func (p Places) abs(source, file string) (string, error) {
	if filepath.IsAbs(source) {
		return source, nil
	}
	if p.Elsewhere {
		return "", fmt.Errorf("%q is relative to this machine, but the source of a mount is a path of the host that the command runs on; write an absolute path", source)
	}
	if rest, ok := strings.CutPrefix(source, "~"); ok {
		dir, err := home()
		if err != nil {
			return "", fmt.Errorf("%q can't be found: %w; write an absolute path", source, err)
		}
		return filepath.Join(dir, rest), nil
	}
	// Standard input has no directory: it counts as a file of the working directory.
	return filepath.Abs(filepath.Join(filepath.Dir(file), source))
}

// home returns the home directory of the user, under sudo of the one who called it: with sudo, HOME is root's on most hosts.
func home() (string, error) {
	if caller := os.Getenv("SUDO_USER"); caller != "" && os.Geteuid() == 0 {
		u, err := user.Lookup(caller)
		if err != nil {
			return "", fmt.Errorf("the home directory of SUDO_USER is not known: %w", err)
		}
		return u.HomeDir, nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("the home directory of the user is not known: %w", err)
	}
	return dir, nil
}
