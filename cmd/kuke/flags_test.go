package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/cmd/kuke/view"
)

func TestTwoDashes(t *testing.T) {
	for args, want := range map[string]string{
		"plan -json -detailed-exitcode":         "plan --json --detailed-exitcode",
		"plan -input=false":                     "plan --input=false",
		"plan -var x=1 -var -y=2":               "plan --var x=1 --var -y=2",
		"plan -f -json":                         "plan -f -json",
		"plan -fmain.hcl":                       "plan -fmain.hcl",
		"plan -help":                            "plan --help",
		"-version":                              "--version",
		"-help":                                 "--help",
		"create container x --args -lah":        "create container x --args -lah",
		"create container x --args=-c -image b": "create container x --args=-c --image b",
		"stop container x -time -10":            "stop container x --time -10",
		"logs x -tail=5 -- -input":              "logs x --tail=5 -- -input",
		"exec x -it -- ls -lah":                 "exec x -it -- ls -lah",
		"-chdir=d exec x ls -lah":               "--chdir=d exec x ls -lah",
		"-chdir=d plan -json":                   "--chdir=d plan --json",
		"exec -it x -- ls -lah":                 "exec -it x -- ls -lah",
		"state mv -project other main":          "state mv --project other main",
	} {
		a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)}
		if got := strings.Join(twoDashes(newRoot(a), strings.Fields(args)), " "); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}

func TestUnknownFlags(t *testing.T) {
	for args, want := range map[string]string{
		"fmt -input=false":                  "unknown flag: --input: the command asks nothing",
		"apply -lock=false":                 "--lock=false: two commands that change the same records",
		"apply -lock=false x.plan":          "--lock=false: two commands that change the same records",
		"apply -destroy x.plan":             "a saved plan contains its project, targets and options: leave out --destroy",
		"plan -target main -exclude main/s": "--target and --exclude exclude each other",
		"plan -chdir=/none":                 "--chdir: chdir /none: no such file or directory",
		"plan -nonsense":                    "unknown flag: --nonsense: kuke plan --help lists the flags",
		"state rm --lock=false x":           "Use --lock-timeout",
		"plan --targt main":                 "unknown flag: --targt: did you mean --target?",
		"plan --no-colour":                  "unknown flag: --no-colour: did you mean --no-color?",
		"apply --yes":                       "unknown flag: --yes: use --auto-approve",
		"apply -y":                          "unknown flag: -y: use --auto-approve",
		"stop -y realm main":                "unknown flag: -y: kuke stop --help lists the flags",
		"show -lock-timeout=3s":             "unknown flag: --lock-timeout: the command takes no lock",
		"show -parallelism=3":               "unknown flag: --parallelism: it is a flag of plan, apply and destroy",
		"kill -s nonsense realm x":          "--signal: there is no signal",
	} {
		a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)}
		root := newRoot(a)
		root.SetArgs(twoDashes(root, strings.Fields(args)))
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	// No flag that kuke has is said not to be one.
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)}
	root := newRoot(a)
	plan, _, err := root.Find([]string{"convert"})
	if err != nil {
		t.Fatal(err)
	}
	for name := range insteadOf {
		if slices.Contains([]string{"force"}, name) {
			continue // which other commands have
		}
		if lookup(plan, name) != nil {
			t.Errorf("convert has the flag --%s", name)
		}
	}
}
