// Package service installs kuke as units of systemd: one that applies a configuration at boot, one that shuts the
// containers down before the system does, one that repairs the networks when a firewall service flushes its rules, and one
// that checks for drift; and, where that is asked for, one that keeps the health of containers up. [Settings] determine their commands. The package prints nothing, and reads no configuration.
package service

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// DefaultProject is the project whose units have no instance name.
const DefaultProject = "default"

// Settings are the commands and files of units.
type Settings struct {
	// Program is the absolute path of kuke.
	Program string
	Project string
	// Configuration holds the absolute paths of the configuration's files and directories.
	Configuration []string
	// Environment is the absolute path of a file with environment variables, see [CheckEnvironment].
	Environment string
	// Flags are the global flags of each command, --project included, as single arguments.
	Flags []string
	// Health says that the unit that keeps the health of containers up is installed, too.
	Health bool
}

// UnitNames are the names of the units of a project.
type UnitNames struct{ Main, Shutdown, Network, Drift, Timer, Health string }

// NamesOf returns the names of the units of a project: kuke.service and so on for the default one, kuke@PROJECT.service
// for others. No instance name makes the name of another unit.
func NamesOf(project string) UnitNames {
	instance := "@" + project
	if project == DefaultProject {
		instance = ""
	}
	return UnitNames{
		Main: "kuke" + instance + ".service", Shutdown: "kuke-shutdown" + instance + ".service", Network: "kuke-network" + instance + ".service",
		Drift: "kuke-drift" + instance + ".service", Timer: "kuke-drift" + instance + ".timer",
		Health: "kuke-health" + instance + ".service",
	}
}

// all returns the names in the order in which the units are installed.
func (n UnitNames) all() []string {
	return []string{n.Main, n.Shutdown, n.Network, n.Drift, n.Timer, n.Health}
}

// enabled returns the names of the units to enable, those that are installed at all.
func (n UnitNames) enabled() []string {
	return []string{n.Main, n.Shutdown, n.Network, n.Timer, n.Health}
}

// Unit is a unit file.
type Unit struct{ Name, Text string }

// marker is the first line of each unit file: a file without it is not kuke's.
const marker = "# Written by kuke service install, which overwrites changes: make them in a drop-in, with systemctl edit."

// firewalls are the services that flush the rules of others.
const firewalls = "nftables.service iptables.service netfilter-persistent.service firewalld.service"

//go:embed units
var templates embed.FS

// Units returns the unit files.
func (s Settings) Units() ([]Unit, error) {
	all, err := template.ParseFS(templates, "units/*")
	if err != nil {
		return nil, fmt.Errorf("read the templates of the units: %w", err)
	}
	names := NamesOf(s.Project)
	values := map[string]any{
		"Marker": marker, "Project": s.Project, "Names": names, "Firewalls": firewalls, "Environment": s.Environment,
		"Apply":    s.command("apply", "--auto-approve", "--lock-timeout", lockTimeout).with(s.files()),
		"Shutdown": s.command("shutdown", "--lock-timeout", lockTimeout).line(),
		"Health":   s.command("health", "run").line(),
		"Plan":     s.command("plan", "--detailed-exitcode").with(s.files()),
	}
	files := []struct{ name, file string }{
		{names.Main, "main.service"}, {names.Shutdown, "shutdown.service"}, {names.Network, "network.service"}, {names.Drift, "drift.service"}, {names.Timer, "drift.timer"},
	}
	if s.Health {
		files = append(files, struct{ name, file string }{names.Health, "health.service"})
	}
	var units []Unit
	for _, of := range files {
		var text bytes.Buffer
		if err := all.ExecuteTemplate(&text, of.file, values); err != nil {
			return nil, fmt.Errorf("write unit %s: %w", of.name, err)
		}
		units = append(units, Unit{of.name, text.String()})
	}
	return units, nil
}

// The times that commands wait for another kuke command, and for containerd without --connect-timeout.
const (
	lockTimeout    = "5m"
	connectTimeout = "30s"
)

// command is a command line, word by word.
type command []string

func (s Settings) command(words ...string) command {
	c := append(command{s.Program}, words...)
	if !strings.Contains(strings.Join(s.Flags, " "), "--connect-timeout=") {
		c = append(c, "--connect-timeout", connectTimeout)
	}
	return append(c, s.Flags...)
}

func (s Settings) files() []string {
	var words []string
	for _, path := range s.Configuration {
		words = append(words, "-f", path)
	}
	return words
}

func (c command) with(words []string) string { return append(c, words...).line() }

// line returns the command as the value of ExecStart=.
func (c command) line() string {
	words := []string{quote(c[0], false)}
	for _, word := range c[1:] {
		words = append(words, quote(word, true))
	}
	return strings.Join(words, " ")
}

// plain matches words that need no quotes in a unit.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)

// quote quotes a word of a command for systemd: % begins a specifier, and $ a variable, but not in the program.
func quote(word string, variables bool) string {
	if plain.MatchString(word) {
		return word
	}
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(word)
	if variables {
		word = strings.ReplaceAll(word, "$", "$$")
	}
	return `"` + word + `"`
}
