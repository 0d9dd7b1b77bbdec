package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/syntax"

	"github.com/kukeon/kuke/cmd/kuke/view"
)

// ciFiles are the examples for pipelines.
var ciFiles = []string{"pipeline.sh", "github-actions.yml", "gitlab-ci.yml"}

// ciJob is a job of GitHub Actions, with steps, or of GitLab CI, with lines of one script.
type ciJob struct {
	Steps []struct {
		Run, Uses string
		With, Env map[string]string
	}
	Script []string
}

// ciJobs reads the jobs of a pipeline, and the variables of GitLab CI.
func ciJobs(data []byte) (jobs map[string]ciJob, variables map[string]string, err error) {
	var github struct{ Jobs map[string]ciJob }
	if err := yaml.Unmarshal(data, &github); err != nil || github.Jobs != nil {
		return github.Jobs, nil, err
	}
	var all map[string]yaml.Node
	if err := yaml.Unmarshal(data, &all); err != nil {
		return nil, nil, err
	}
	jobs = map[string]ciJob{}
	for name, node := range all {
		var job ciJob
		switch {
		case name == "variables":
			err = node.Decode(&variables)
		case node.Kind == yaml.MappingNode:
			if err = node.Decode(&job); job.Script != nil {
				jobs[name] = job
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return jobs, variables, nil
}

// scripts returns the shell scripts of a job.
func (j ciJob) scripts() []string {
	if j.Script != nil {
		return []string{strings.Join(j.Script, "\n")}
	}
	var all []string
	for _, step := range j.Steps {
		if step.Run != "" {
			all = append(all, step.Run)
		}
	}
	return all
}

// job is the command: job FILE JOB; it runs the scripts of a job of a pipeline, and keeps its artifacts as GitHub does.
func job(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: job FILE JOB")
	}
	jobs, variables, err := ciJobs([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	found, ok := jobs[args[1]]
	if !ok {
		ts.Fatalf("%s has no job %s", args[0], args[1])
	}
	for name, value := range variables {
		ts.Setenv(name, os.Expand(value, ts.Getenv))
	}
	err = nil
	for _, step := range found.Steps {
		switch {
		case err != nil:
		case step.Run != "":
			err = ts.Exec("sh", "-euc", step.Run)
		case strings.HasPrefix(step.Uses, "actions/upload-artifact@"):
			data := ts.ReadFile(step.With["path"])
			ts.Check(os.WriteFile(ts.MkAbs("artifact-"+step.With["name"]), []byte(data), 0o600))
		case !strings.HasPrefix(step.Uses, "actions/checkout@"):
			ts.Fatalf("can't run %s", step.Uses)
		}
	}
	if found.Script != nil {
		err = ts.Exec("sh", "-euc", found.scripts()[0])
	}
	if (err != nil) != neg {
		ts.Fatalf("job %s ended with: %v", args[1], err)
	}
}

// Every command of kuke in the examples parses, flags and arguments.
func TestCICommands(t *testing.T) {
	commands, calls := 0, 0
	for _, name := range ciFiles {
		data, err := os.ReadFile(filepath.Join("../../examples/ci", name))
		if err != nil {
			t.Fatal(err)
		}
		scripts := []string{string(data)}
		if filepath.Ext(name) == ".yml" {
			scripts = nil
			jobs, _, err := ciJobs(data)
			if err != nil || len(jobs) != 3 {
				t.Fatalf("%s: %d jobs, %v", name, len(jobs), err)
			}
			for _, job := range jobs {
				scripts = append(scripts, job.scripts()...)
			}
		}
		for _, script := range scripts {
			file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), name)
			if err != nil {
				t.Fatalf("%v in\n%s", err, script)
			}
			syntax.Walk(file, func(node syntax.Node) bool {
				call, ok := node.(*syntax.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				words := ciWords(call)
				switch words[0] {
				case "kuke":
					commands++
					if err := parses(words[1:]); err != nil {
						t.Errorf("%s: %s: %v", name, strings.Join(words, " "), err)
					}
				case "ci/pipeline.sh":
					calls++
					if !strings.Contains(" plan apply drift ", " "+strings.Join(words[1:], " ")+" ") {
						t.Errorf("%s: %s", name, strings.Join(words, " "))
					}
				}
				return true
			})
		}
	}
	if commands < 5 || calls != 6 {
		t.Errorf("found %d commands of kuke and %d calls of pipeline.sh", commands, calls)
	}
}

// ciWords returns the words of a command, with x in place of each expansion in quotes. Others may be no word at all.
func ciWords(call *syntax.CallExpr) []string {
	var words []string
	for _, arg := range call.Args {
		text, quoted := "", false
		for _, part := range arg.Parts {
			switch p := part.(type) {
			case *syntax.Lit:
				text += p.Value
			case *syntax.SglQuoted:
				text, quoted = text+p.Value, true
			case *syntax.DblQuoted:
				text, quoted = text+"x", true
			}
		}
		if text != "" || quoted {
			words = append(words, text)
		}
	}
	return words
}

// parses returns the error of a command line, nil for a correct one.
func parses(words []string) error {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)}
	root := newRoot(a)
	cmd, rest, err := root.Find(twoDashes(root, words))
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
