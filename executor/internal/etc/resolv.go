package etc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/kukeon/kuke/planner/state"
)

// resolvConfs are the files with the host's resolvers. The second holds them where the first only names a resolver on the
// host's own loopback, which a cell doesn't reach.
var resolvConfs = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// resolvConf returns the resolver configuration of a cell: the host's, without the resolvers that only the host itself
// reaches unless the cell has the host's network, and with the parts of a in place of the host's.
func resolvConf(a *state.Attachment) (string, error) {
	text := ""
	for _, file := range resolvConfs {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read the host's resolvers: %w", err)
		}
		if text = string(data); a.OnHost() {
			break
		}
		var resolvers bool
		if text, resolvers = reachable(data); resolvers {
			break
		}
	}
	return override(text, a.Etc), nil
}

// reachable removes the resolvers on a loopback, and reports whether others are left.
func reachable(data []byte) (text string, resolvers bool) {
	var b strings.Builder
	for line := range bytes.Lines(data) {
		fields := strings.Fields(string(line))
		if len(fields) > 1 && fields[0] == "nameserver" {
			addr, err := netip.ParseAddr(fields[1])
			if err == nil && addr.IsLoopback() {
				continue
			}
			resolvers = true
		}
		b.Write(line)
	}
	return b.String(), resolvers
}

// override replaces the lines of a resolv.conf for which e has values. Each of the three parts stays where e has none.
func override(text string, e state.Etc) string {
	var replaced []string
	if len(e.DNS) > 0 {
		replaced = append(replaced, "nameserver")
	}
	if len(e.DNSSearch) > 0 {
		replaced = append(replaced, "search", "domain")
	}
	if len(e.DNSOptions) > 0 {
		replaced = append(replaced, "options")
	}
	if len(replaced) == 0 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !slices.Contains(replaced, fields[0]) {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for _, server := range e.DNS {
		b.WriteString("nameserver " + server + "\n")
	}
	if domains := slices.DeleteFunc(slices.Clone(e.DNSSearch), func(d string) bool { return d == "." }); len(domains) > 0 {
		b.WriteString("search " + strings.Join(domains, " ") + "\n")
	}
	if len(e.DNSOptions) > 0 {
		b.WriteString("options " + strings.Join(e.DNSOptions, " ") + "\n")
	}
	return b.String()
}
