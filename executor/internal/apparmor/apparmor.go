// Package apparmor loads the default AppArmor profile of containers and reads the profiles that the kernel enforces.
//
// The kernel forgets its profiles at a reboot, and `apparmor_parser -R` or aa-remove-unknown remove them from running
// processes, which are unconfined from then on. The package decides nothing: the spec of a container names its profile, and
// the planner decides about a missing one.
package apparmor

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/contrib/apparmor"
	hostapparmor "github.com/containerd/containerd/v2/pkg/apparmor"

	"github.com/kukeon/kuke/executor/program"
)

const (
	// profilesFile lists the loaded profiles, one a line: "kukeon-default (enforce)".
	profilesFile = "/sys/kernel/security/apparmor/profiles"
	enabledFile  = "/sys/module/apparmor/parameters/enabled"
	// parser is the path that containerd's HostSupports checks too.
	parser = "/sbin/apparmor_parser"
	// Unconfined is the label of a process without a profile.
	Unconfined = "unconfined"
)

// Enforced reports whether containers of this host can be confined: the kernel has AppArmor enabled, and its parser is
// installed.
func Enforced() bool { return hostapparmor.HostSupports() }

// Enabled reports whether the kernel of this host has AppArmor enabled, with or without a parser to load profiles.
func Enabled() bool {
	data, err := os.ReadFile(enabledFile)
	if err != nil || len(data) == 0 || data[0] != 'Y' {
		return false
	}
	_, err = os.Stat(profilesFile)
	return err == nil
}

// Profiles returns the names of the loaded profiles. Without AppArmor there are none.
func Profiles() (map[string]bool, error) {
	if !Enforced() {
		return nil, nil
	}
	data, err := os.ReadFile(profilesFile)
	if err != nil {
		return nil, fmt.Errorf("list the loaded AppArmor profiles: %w", err)
	}
	return parseProfiles(string(data)), nil
}

func parseProfiles(text string) map[string]bool {
	loaded := map[string]bool{}
	for line := range strings.Lines(text) {
		loaded[withoutMode(line)] = true
	}
	return loaded
}

// withoutMode returns the name in a line such as "kukeon-default (enforce)". A name may hold spaces and parentheses.
func withoutMode(line string) string {
	line = strings.TrimRight(line, "\n\x00")
	if at := strings.LastIndex(line, " ("); at >= 0 && strings.HasSuffix(line, ")") {
		return line[:at]
	}
	return line
}

// loading keeps concurrent starts from loading the same profile.
var loading sync.Mutex

// Load loads containerd's default profile under the name, unless a profile of that name is loaded or the host does not
// enforce AppArmor.
func Load(name string) error {
	loading.Lock()
	defer loading.Unlock()
	loaded, err := Profiles()
	if err != nil || loaded[name] || !Enforced() {
		return err
	}
	text, err := apparmor.DumpDefaultProfile(name)
	if err != nil {
		return fmt.Errorf("load AppArmor profile %s: %w", name, err)
	}
	// The text goes through a pipe: a file could be left behind.
	cmd := program.Command(context.Background(), parser, "--skip-cache", "--replace")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("load AppArmor profile %s: %s: %w: %s", name, parser, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Label returns the profile that confines a process, or [Unconfined]; empty where it can't be read.
func Label(pid int) string {
	if !Enforced() {
		return ""
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/attr/"
	data, err := os.ReadFile(dir + "apparmor/current")
	if os.IsNotExist(err) { // a kernel before 5.8
		data, err = os.ReadFile(dir + "current")
	}
	if err != nil {
		return ""
	}
	return withoutMode(string(data))
}
