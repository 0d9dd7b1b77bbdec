package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The command line that continues has the flags of this one, quoted for a shell, and no value of a variable.
func TestAgain(t *testing.T) {
	for args, want := range map[string]string{
		"apply": "kuke apply",
		"apply -f a -f b --var x=1 --var-file v --var y=":   "kuke apply --file a --file b --var x=… --var-file v --var y=…",
		"apply --var-file v":                                "kuke apply --var-file v",
		"apply -f it's --parallelism 2 --refresh=false":     `kuke apply --file 'it'\''s' --parallelism 2 --refresh=false`,
		"apply change.plan --lock-timeout 30s":              "kuke plan --out change.plan && kuke apply change.plan",
		"destroy --cni-bin-dir /a,/b --project shop --json": "kuke destroy --cni-bin-dir /a --cni-bin-dir /b --json --project shop",
		"stop container main/s/t/c/a --time 3":              "kuke stop --time 3 container main/s/t/c/a",
		"create container a --env A=1 --env B --image b":    "kuke create container --env A=… --env B --image b a",
		"restart -- -x": "kuke restart -- -x",
	} {
		a := &app{}
		var got string
		root := newRoot(a)
		root.PersistentPreRunE = nil
		for _, cmd := range slices.Concat(root.Commands(), subcommands(root, "create")) {
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				got = a.again(cmd)
				return nil
			}
		}
		root.SetArgs(strings.Fields(args))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", args, got, want)
		}
	}
}

// The command line that applies a saved plan names the place of the state, and the configuration if the plan needs its values.
func TestApplying(t *testing.T) {
	for _, tt := range []struct {
		args  string
		needy bool
		want  string
	}{
		{"plan", false, "kuke apply a.plan"},
		{"plan --var x=1 -f a --target main --policy p --lock-timeout 3s", false, "kuke apply a.plan"},
		{"plan --run-path /r --host ssh://web", false, "kuke apply a.plan --host ssh://web --run-path /r"},
		{"plan", true, "kuke apply a.plan --file ."},
		{"plan -f a --var x=1 --destroy", true, "kuke apply a.plan --file a --var x=…"},
	} {
		a := &app{}
		root := newRoot(a)
		root.PersistentPreRunE = nil
		cmd, _, _ := root.Find([]string{"plan"})
		var got string
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			got = a.applying(cmd, "a.plan", tt.needy)
			return nil
		}
		root.SetArgs(strings.Fields(tt.args))
		if err := root.Execute(); err != nil || got != tt.want {
			t.Errorf("%s: %v\n%s\nwant:\n%s", tt.args, err, got, tt.want)
		}
	}
}

func subcommands(root *cobra.Command, name string) []*cobra.Command {
	cmd, _, _ := root.Find([]string{name})
	return cmd.Commands()
}
