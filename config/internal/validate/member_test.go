package validate

import (
	"strings"
	"testing"
)

func TestMembers(t *testing.T) {
	for _, tc := range []struct{ rule, key, value, want, wrong string }{
		{"ulimit", "nofile", "1024", "1024:1024", ""},
		{"ulimit", "core", "unlimited", "-1:-1", ""},
		{"ulimit", "memlock", "5:unlimited", "5:-1", ""},
		{"ulimit", "nofile", "-1", "", "no unlimited number"},
		{"ulimit", "nproc", "2:1", "", "soft limit above the hard one"},
		{"ulimit", "nproc", "-1:1", "", "soft limit above the hard one"},
		{"ulimit", "nproc", "-2", "", "is no limit"},
		{"ulimit", "nproc", "1:2:3", "", "is no limit"},
		{"ulimit", "nofiles", "1", "", `Did you mean "nofile"?`},
		{"ulimit", "as", "1", "", "there is no ulimit"},
		{"sysctl", "net.ipv4.ip_local_port_range", "1024\t  65000", "1024 65000", ""},
		{"sysctl", "fs.mqueue.msg_max", "20", "20", ""},
		{"sysctl", "kernel.sem", "1 2 3 4", "1 2 3 4", ""},
		{"sysctl", "kernel.pid_max", "1", "", "belongs to the whole host"},
		{"sysctl", "vm.max_map_count", "1", "", "belongs to the whole host"},
		{"sysctl", "net/core/somaxconn", "1", "", `such as "net.core.somaxconn"`},
		{"sysctl", "net.", "1", "", "no name of a parameter"},
		{"sysctl", "net.core.somaxconn", " ", "", "is empty"},
		{"annotation", "", "x", "", "is empty"},
		{"annotation", "kukeon.io/x", "x", "", "is reserved"},
		{"annotation", "a.b/c", "", "", ""},
	} {
		rule := memberRules[tc.rule]
		err := rule.Key(tc.key)
		got := ""
		if err == nil {
			got, err = rule.Normal(tc.key, tc.value)
		}
		switch {
		case tc.wrong == "" && (err != nil || got != tc.want):
			t.Errorf("%s %s = %q: %q, %v, want %q", tc.rule, tc.key, tc.value, got, err, tc.want)
		case tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)):
			t.Errorf("%s %s = %q: %q, %v, want %q", tc.rule, tc.key, tc.value, got, err, tc.wrong)
		}
		if tc.wrong == "" {
			if again, err := rule.Normal(tc.key, got); err != nil || again != got {
				t.Errorf("%s: %q is no normal form: %q, %v", tc.rule, got, again, err)
			}
		}
	}
}
