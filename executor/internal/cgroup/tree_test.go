package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestWithheldControllers(t *testing.T) {
	for _, test := range []struct {
		name           string
		files          map[string]string
		have, withheld []string
		nested         bool
	}{
		{"the root of the hierarchy", map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": "1\n"}, []string{"cpu", "memory", "pids"}, nil, false},
		{"a container", map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.procs": "", "cgroup.type": "domain\n"}, []string{"cpu", "memory"}, nil, true},
		{
			"a container with processes in its root",
			map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "cpu\n", "cgroup.procs": "1\n", "cgroup.type": "domain\n"},
			[]string{"cpu"}, []string{"memory"}, true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := &Tree{root: t.TempDir(), dirs: map[string]string{}}
			for name, text := range test.files {
				if err := os.WriteFile(filepath.Join(tree.root, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := tree.openV2(); err != nil {
				t.Fatal(err)
			}
			if got := sortedNames(tree.dirs); !slices.Equal(got, test.have) {
				t.Errorf("it has %q, want %q", got, test.have)
			}
			if !slices.Equal(tree.Withheld(), test.withheld) || tree.Nested() != test.nested {
				t.Errorf("withheld %q, nested %t; want %q, %t", tree.Withheld(), tree.Nested(), test.withheld, test.nested)
			}
		})
	}
}

func sortedNames(dirs map[string]string) (names []string) {
	for name := range dirs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestStays tells processes that are about to end from those that are not.
func TestStays(t *testing.T) {
	if !stays(strconv.Itoa(os.Getpid())) {
		t.Error("this process is taken for one that ends")
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(child.Process.Pid)
	if !stays(pid) {
		t.Error("a child that sleeps is taken for one that ends")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// A zombie, which nobody has waited for.
	for begin := time.Now(); stays(pid); time.Sleep(time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("a child that was killed is taken for one that stays")
		}
	}
	_ = child.Wait()
	if stays(pid) {
		t.Error("a child that is gone is taken for one that stays")
	}
}
