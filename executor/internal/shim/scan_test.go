package shim

import (
	"errors"
	"testing"
)

// The error of a start in whose way a bundle is tells where bundles are.
func TestStateDirOfError(t *testing.T) {
	l := &Leftovers{Address: "/run/x/containerd.sock"}
	of := Task{"kukeon-main", "a"}
	if l.LearnFrom(errors.New("something else"), of); l.dir() != "/run/x" {
		t.Error(l.dir())
	}
	l.LearnFrom(errors.New("failed to create: mkdir /var/run/c/io.containerd.runtime.v2.task/kukeon-main/b: file exists"), of)
	l.LearnFrom(errors.New("mkdir io.containerd.runtime.v2.task/kukeon-main/a: file exists"), of)
	if l.dir() != "/run/x" {
		t.Error(l.dir())
	}
	l.LearnFrom(errors.New("mkdir /var/run/c/io.containerd.runtime.v2.task/kukeon-main/a: file exists: unknown"), of)
	if l.dir() != "/var/run/c" {
		t.Error(l.dir())
	}
}
