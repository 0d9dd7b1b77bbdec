package executor

import "github.com/kukeon/kuke/executor/internal/network"

// MissingPlugins names what networks and published ports are made with and what is in none of the directories, nor in
// PATH.
func MissingPlugins(dirs []string) []string {
	return network.New(network.Config{PluginDirs: dirs}).MissingPlugins(true)
}

// DroppingChains names the chains of other firewalls that drop forwarded packets by default, which cuts cells off.
func DroppingChains() ([]string, error) { return network.DroppingChains() }
