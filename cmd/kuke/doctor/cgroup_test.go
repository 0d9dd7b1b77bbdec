package doctor

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/executor"
)

func TestCheckLimits(t *testing.T) {
	all := map[string]bool{"memory": true, "swap": true, "cpu": true, "pids": true, "io": true}
	const root = "/sys/fs/cgroup"
	for _, test := range []struct {
		name      string
		lack      []string
		withheld  []string
		nested    bool
		want, not []string
	}{
		{name: "all", not: []string{";"}},
		{name: "memory is off", lack: []string{"memory"}, want: []string{"cgroup_enable=memory"}, not: []string{"bfq", "move the processes", "Delegate"}},
		{name: "swap is not accounted for", lack: []string{"swap"}, want: []string{"swapaccount=1"}, not: []string{"cgroup_enable", "a kernel with"}},
		{name: "memory is off, and so is swap", lack: []string{"memory", "swap"}, want: []string{"cgroup_enable=memory"}, not: []string{"swapaccount", "a kernel with"}},
		{name: "no weights", lack: []string{"io"}, want: []string{"modprobe bfq"}, not: []string{"cgroup_enable"}},
		{name: "processes in the root", lack: []string{"memory", "cpu"}, withheld: []string{"memory", "cpu"}, nested: true, want: []string{"move the processes in the cgroup " + root}, not: []string{"Delegate", "cgroup_enable"}},
		{name: "none delegated", lack: []string{"memory", "cpu", "pids", "io"}, nested: true, want: []string{"delegate the controllers memory, cpu, pids, io to " + root, "Delegate=yes"}, not: []string{"cgroup_enable", "bfq"}},
		{name: "some of both", lack: []string{"memory", "pids"}, withheld: []string{"pids"}, nested: true, want: []string{"move the processes", "delegate the controllers memory to"}},
		{name: "an old kernel", lack: []string{"cpu", "pids"}, want: []string{"use a kernel with", "cpu, pids"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := executor.Cgroups{Mode: "v2", Controllers: map[string]bool{}, Withheld: test.withheld, Nested: test.nested}
			for name := range all {
				found.Controllers[name] = true
			}
			for _, name := range test.lack {
				found.Controllers[name] = false
			}
			c := checkLimits(root, found)
			if c.OK != (len(test.lack) == 0) || c.Needed {
				t.Errorf("%+v", c)
			}
			for _, want := range test.want {
				if !strings.Contains(c.Fix, want) {
					t.Errorf("no %q in: %s", want, c.Fix)
				}
			}
			for _, not := range test.not {
				if strings.Contains(c.Fix, not) {
					t.Errorf("%q in: %s", not, c.Fix)
				}
			}
		})
	}
}

func TestCheckRestarts(t *testing.T) {
	if c := checkRestarts(executor.Daemon{RestartPolicies: []string{"always"}}); !c.OK || c.Needed {
		t.Errorf("%+v", c)
	}
	c := checkRestarts(executor.Daemon{})
	if c.OK || c.Needed || !strings.Contains(c.Found, "no restart monitor") || !strings.Contains(c.Fix, "disabled_plugins") {
		t.Errorf("%+v", c)
	}
}
