package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// otherApplyFlags are those of apply that say how to carry a plan out, on which host, or what to print: not what the plan is.
var otherApplyFlags = []string{
	"auto-approve", "parallelism", "lock-timeout", "help", "no-fold", "compact-warnings", "json", "input", "lock", "deny", "policy", "require-policy", "chdir",
	"run-path", "containerd", "cgroup-root", "cni-conf-dir", "cni-bin-dir", "connect-timeout", "call-timeout", "stall-timeout", "no-color", "log-level", "host", "install",
}

// Each flag of apply is refused beside a saved plan, gives values to it, or has nothing to do with it.
func TestFlagsBesideSavedPlan(t *testing.T) {
	apply, _, err := newRoot(&app{}).Find([]string{"apply"})
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	note := func(f *pflag.Flag) {
		flags[f.Name] = true
		n := 0
		for _, names := range [][]string{fixedByPlan, inputFlags, otherApplyFlags} {
			if slices.Contains(names, f.Name) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("--%s is in %d of the three lists: what does it mean beside a saved plan?", f.Name, n)
		}
	}
	apply.InitDefaultHelpFlag()
	apply.Flags().VisitAll(note)
	apply.InheritedFlags().VisitAll(note)
	for _, name := range slices.Concat(fixedByPlan, inputFlags) {
		if !flags[name] {
			t.Errorf("apply has no flag --%s", name)
		}
	}
}

func TestGiven(t *testing.T) {
	a, cmd := &app{environ: map[string]bool{"b": true}}, &cobra.Command{}
	for _, name := range []string{"a", "b", "c"} {
		cmd.Flags().String(name, "", "")
	}
	if err := cmd.ParseFlags([]string{"--a=1", "--b=2"}); err != nil {
		t.Fatal(err)
	}
	if got := a.given(cmd, []string{"c", "b", "a", "d"}); !slices.Equal(got, []string{"--a"}) {
		t.Error(got)
	}
}
