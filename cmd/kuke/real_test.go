//go:build real

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/executor/lab/images"
)

func init() {
	// Labs reach no archive of packages.
	beforeLabs = append(beforeLabs, func() error {
		_, err := images.Build(context.Background())
		return err
	})
}

// The private registry of the scripts.
const (
	realHost    = "registry.test"
	realAddress = realHost + ":5443"
	realUser    = "kuke"
	realSecret  = "correct-horse-battery"
)

// TestReal runs real services from images made of Debian packages, which a private registry serves.
func TestReal(t *testing.T) {
	if lab.Mode() != lab.Unified {
		return
	}
	p := params(t, "testdata/real")
	p.Cmds["services"] = serveImages
	testscript.RunT(oneByOne{t}, p)
}

// serveImages is the command: services; it serves each image as library/NAME:1 until the end of the script, at an address that
// the host resolves and with a certificate that containerd's directory of registries names. The variables REGISTRY,
// REGISTRY_USER and REGISTRY_PASSWORD are set.
func serveImages(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: services")
	}
	all, err := images.Build(context.Background())
	ts.Check(err)
	dir, err := os.MkdirTemp("", "kuke-registry")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(dir)) })
	hosts := filepath.Join(dir, "hosts")
	ts.Check(os.WriteFile(hosts, []byte("127.0.0.1 localhost "+realHost+"\n"), 0o644))
	ts.Check(unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, ""))
	ts.Check(unix.Mount("tmpfs", "/etc/containerd", "tmpfs", 0, ""))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	registry, err := images.StartRegistry(ctx, dir, realAddress, realUser, realSecret)
	if err != nil {
		cancel()
		ts.Fatalf("%v", err)
	}
	ts.Defer(func() {
		cancel()
		ts.Check(registry.Stop())
	})
	certs := filepath.Join("/etc/containerd/certs.d", realAddress)
	ts.Check(os.MkdirAll(certs, 0o755))
	ts.Check(os.WriteFile(filepath.Join(certs, "hosts.toml"), fmt.Appendf(nil, "[host.\"https://%s\"]\n  ca = %q\n", realAddress, registry.CA), 0o644))
	for name, image := range all {
		ts.Check(registry.Push(ctx, "library/"+name+":1", image))
	}
	ts.Setenv("REGISTRY", realAddress)
	ts.Setenv("REGISTRY_USER", realUser)
	ts.Setenv("REGISTRY_PASSWORD", realSecret)
}
