package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kukeon/kuke/executor/program"
	"github.com/kukeon/kuke/planner/state/durable"
)

// UnitDir is the directory in which systemd looks for the administrator's units.
const UnitDir = "/etc/systemd/system"

// ErrNoSystemd says that systemd is not the init system of the host.
var ErrNoSystemd = errors.New("systemd is not the init system of this host. Let its init system run kuke apply --auto-approve after containerd has started, and kuke shutdown before it stops")

// Host installs units on the host.
type Host struct {
	// Dir is the directory of the unit files, usually [UnitDir]; systemd must look for units there.
	Dir string
}

// Check returns [ErrNoSystemd] where systemd is not the init system of the host.
func (Host) Check() error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return ErrNoSystemd
	}
	return nil
}

// CheckProgram refuses a program that root must not run at boot because another user can replace it. The error says how to
// install it.
func CheckProgram(path string) error {
	if err := program.CheckOwned(path); err != nil {
		return fmt.Errorf("%w, and root is to run it at boot. Install kuke where only root may write, with install -m 755 %s /usr/local/bin/kuke, "+
			"and run /usr/local/bin/kuke service install", err, path)
	}
	return nil
}

// File is a unit file, and whether it was changed.
type File struct {
	Path    string
	Changed bool
}

// Install writes the units of the settings, enables them, and starts the shutdown unit, which does nothing before it stops;
// with apply it starts all units, which applies the configuration. A unit file that is not kuke's is an error, before any
// file is written.
//
// An installed unit for health stays, also where the settings have none.
func (h Host) Install(ctx context.Context, s Settings, apply bool) ([]File, error) {
	names := NamesOf(s.Project)
	if text, err := h.read(names.Health); err != nil && s.Health {
		return nil, err
	} else if text != "" {
		s.Health = true
	}
	units, err := s.Units()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(units))
	for i, u := range units {
		path := filepath.Join(h.Dir, u.Name)
		text, err := h.read(u.Name)
		if err != nil {
			return nil, err
		}
		files[i] = File{path, text != u.Text}
	}
	for i, u := range units {
		if !files[i].Changed {
			continue
		}
		const mode = 0o644
		if err := durable.WriteFile(files[i].Path, []byte(u.Text), mode); err != nil {
			return nil, fmt.Errorf("write unit %s: %w", files[i].Path, err)
		}
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return files, err
	}
	enabled, started := names.enabled(), []string{names.Shutdown, names.Main, names.Timer}
	if s.Health {
		started = append(started, names.Health)
	} else {
		enabled = slices.DeleteFunc(enabled, func(name string) bool { return name == names.Health })
	}
	if err := systemctl(ctx, append([]string{"enable"}, enabled...)...); err != nil {
		return files, err
	}
	if apply {
		return files, systemctl(ctx, append([]string{"start"}, started...)...)
	}
	return files, systemctl(ctx, "start", names.Shutdown)
}

// Remove disables and deletes the units of a project. It stops only the timer and the healthchecks: containers keep running. It returns the
// deleted files, none where no unit was installed.
func (h Host) Remove(ctx context.Context, project string) ([]string, error) {
	names := NamesOf(project)
	var installed, removed []string
	for _, name := range names.all() {
		text, err := h.read(name)
		if err != nil {
			return nil, err
		}
		if text != "" {
			installed = append(installed, name)
		}
	}
	if len(installed) == 0 {
		return nil, nil
	}
	if enabled := slices.DeleteFunc(slices.Clone(installed), func(name string) bool { return !slices.Contains(names.enabled(), name) }); len(enabled) > 0 {
		if err := systemctl(ctx, append([]string{"disable"}, enabled...)...); err != nil {
			return nil, err
		}
	}
	for _, name := range installed {
		path := filepath.Join(h.Dir, name)
		if err := os.Remove(path); err != nil {
			return removed, fmt.Errorf("remove unit: %w", err)
		}
		removed = append(removed, path)
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return removed, err
	}
	return removed, h.unload(ctx, installed)
}

// unload makes systemd forget units whose files are deleted, with the commands that a stop would run: no container stops.
func (h Host) unload(ctx context.Context, names []string) error {
	shown, err := show(ctx, names, "LoadState", "ActiveState")
	if err != nil {
		return err
	}
	for i, name := range names {
		// A unit of the same name in another directory would run its own commands.
		if shown[i]["LoadState"] != "not-found" {
			continue
		}
		verb := "stop"
		if shown[i]["ActiveState"] == "failed" {
			verb = "reset-failed"
		}
		if shown[i]["ActiveState"] == "inactive" {
			continue
		}
		if err := systemctl(ctx, verb, name); err != nil {
			return err
		}
	}
	return nil
}

// Status is the status of an installed unit in systemd.
type Status struct {
	Unit    string
	Enabled string // as in systemctl is-enabled: enabled, disabled, static
	State   string // such as active (exited)
	Failed  bool
	// Result is the result and the end of its last run; empty where it has not run.
	Result string
	// Next is the next elapse of a timer; empty for other units.
	Next string
}

// Status returns the units that [Host.Install] wrote, of all projects.
func (h Host) Status(ctx context.Context) ([]Status, error) {
	entries, err := os.ReadDir(h.Dir)
	if err != nil {
		return nil, fmt.Errorf("look for units: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "kuke") || !e.Type().IsRegular() {
			continue
		}
		_, err := h.read(e.Name())
		if errors.Is(err, errForeign) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	if len(names) == 0 {
		return nil, nil
	}
	shown, err := show(ctx, names, "UnitFileState", "ActiveState", "SubState", "Result", "ExecMainStatus", "ExecMainExitTimestamp", "NextElapseUSecRealtime")
	if err != nil {
		return nil, err
	}
	all := make([]Status, len(names))
	for i, name := range names {
		p := shown[i]
		s := Status{Unit: name, Failed: p["ActiveState"] == "failed", Enabled: p["UnitFileState"], State: fmt.Sprintf("%s (%s)", p["ActiveState"], p["SubState"]), Next: p["NextElapseUSecRealtime"]}
		if at := p["ExecMainExitTimestamp"]; at != "" {
			s.Result = resultOf(name, p) + ", " + at
		}
		all[i] = s
	}
	return all, nil
}

// resultOf describes the result of a unit's last run.
func resultOf(name string, p map[string]string) string {
	switch {
	case p["Result"] == "exit-code" && p["ExecMainStatus"] == "2" && strings.HasPrefix(name, "kuke-drift"):
		return "drift"
	case p["Result"] == "exit-code":
		return "exit status " + p["ExecMainStatus"]
	}
	return p["Result"]
}

// errForeign says that a unit file is not kuke's.
var errForeign = errors.New("kuke did not write it")

// read returns the text of a unit file, empty where there is none, and errForeign for a file that kuke did not write.
func (h Host) read(name string) (string, error) {
	path := filepath.Join(h.Dir, name)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read unit: %w", err)
	case !strings.HasPrefix(string(data), marker+"\n"):
		return "", fmt.Errorf("unit %s exists and %w. Rename or remove it", path, errForeign)
	}
	return string(data), nil
}

// systemctl runs systemctl and returns its message as the error.
func systemctl(ctx context.Context, args ...string) error {
	_, err := systemctlOutput(ctx, args...)
	return err
}

func systemctlOutput(ctx context.Context, args ...string) (string, error) {
	cmd := program.Command(ctx, "systemctl", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if words := strings.TrimSpace(errs.String()); words != "" {
			return "", fmt.Errorf("systemctl %s: %s (%w)", strings.Join(args, " "), words, err)
		}
		return "", fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// show returns the properties of each of the units.
func show(ctx context.Context, units []string, properties ...string) ([]map[string]string, error) {
	out, err := systemctlOutput(ctx, append([]string{"show", "--property", strings.Join(properties, ",")}, units...)...)
	if err != nil {
		return nil, err
	}
	blocks := strings.Split(strings.TrimSpace(out), "\n\n")
	if len(blocks) != len(units) {
		return nil, fmt.Errorf("systemctl show describes %d units instead of %d", len(blocks), len(units))
	}
	all := make([]map[string]string, len(units))
	for i, block := range blocks {
		all[i] = map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			all[i][key] = value
		}
	}
	return all, nil
}
