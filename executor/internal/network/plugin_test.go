package network

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
)

// TestPluginThatHangs ends a plugin with a program that it started, which would hold its output open.
func TestPluginThatHangs(t *testing.T) {
	dir := t.TempDir()
	plugin, started := filepath.Join(dir, "plugin"), filepath.Join(dir, "started")
	script := "#!/bin/sh\nsleep 1000 &\necho $! > " + started + ".new\nmv " + started + ".new " + started + "\nwait\n"
	if err := os.WriteFile(plugin, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("timeout", func(t *testing.T) {
		// Time enough for the script to begin.
		p := plugins{&invoke.DefaultExec{}, 2 * time.Second}
		_, err := p.ExecPlugin(t.Context(), plugin, nil, nil)
		for _, want := range []string{"CNI plugin " + plugin, "within 2s", "--call-timeout"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in: %v", want, err)
			}
		}
		awaitDeath(t, started)
	})
	t.Run("interrupt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if _, err := (plugins{&invoke.DefaultExec{}, time.Hour}).ExecPlugin(ctx, plugin, nil, nil); err == nil {
			t.Error("no error")
		}
		awaitDeath(t, started)
	})
}

func TestPluginSeesNoSecrets(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(plugin, []byte("#!/bin/sh\nenv\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUKE_VAR_password", "geheim")
	t.Setenv("CNI_PASSWORD", "geheim")
	args := &invoke.Args{Command: "ADD", ContainerID: "c", NetNS: "/n", IfName: "eth0", Path: "/p", PluginArgsStr: "A=B"}
	out, err := plugins{&invoke.DefaultExec{}, time.Hour}.ExecPlugin(t.Context(), plugin, nil, args.AsEnv())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, "=")
		if name != "PWD" && name != "SHLVL" && name != "_" { // the shell's own
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "CNI_ARGS CNI_COMMAND CNI_CONTAINERID CNI_IFNAME CNI_NETNS CNI_PATH PATH" {
		t.Errorf("the plugin sees %s", got)
	}
}

// awaitDeath waits until the process whose pid is in the file has ended, and removes the file.
func awaitDeath(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(data))
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("process %s still runs", pid)
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}
}

// A plugin that a Ctrl-C of the terminal ended before it had begun is run again.
func TestInterruptedPlugin(t *testing.T) {
	dir := t.TempDir()
	plugin, mark := filepath.Join(dir, "plugin"), filepath.Join(dir, "mark")
	script := "#!/bin/sh\nif test -e " + mark + "; then echo done; exit; fi\n: > " + mark + "\nkill -INT $$\n"
	if err := os.WriteFile(plugin, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := (plugins{&invoke.DefaultExec{}, time.Hour}).ExecPlugin(t.Context(), plugin, nil, nil)
	if err != nil || string(out) != "done\n" {
		t.Errorf("%q, %v", out, err)
	}
}
