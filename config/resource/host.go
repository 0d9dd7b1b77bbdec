package resource

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// hostScheme begins the address of a host.
const hostScheme = "ssh://"

// LocalHost is the address of this host.
const LocalHost = "local"

// Host is a host that ssh connects to. The name may be an alias of the configuration of ssh.
type Host struct {
	User, Name string
	// Port is 0 for the port that ssh chooses.
	Port int
}

// ssh passes both to the shell commands of its configuration: no character may mean something there, or begin an option.
var (
	hostName = regexp.MustCompile(`^[\pL\pN_:][\pL\pN._:%-]*$`)
	userName = regexp.MustCompile(`^[\pL\pN_][\pL\pN._+@-]*$`)
)

// ParseHost reads an address like ssh://user@host:port. The host of the address [LocalHost] is nil.
func ParseHost(address string) (*Host, error) {
	if address == LocalHost {
		return nil, nil
	}
	host, err := parseHost(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address of a host: %w. Write %suser@host, with :port if it is not that of ssh, or %s for this host", address, err, hostScheme, LocalHost)
	}
	return host, nil
}

func parseHost(address string) (*Host, error) {
	if !strings.HasPrefix(address, hostScheme) {
		return nil, fmt.Errorf("it does not begin with %s", hostScheme)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	h := &Host{User: u.User.Username(), Name: u.Hostname()}
	if _, ok := u.User.Password(); ok {
		return nil, errors.New("it holds a password, which ssh asks for itself")
	}
	switch {
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it goes on after the host")
	case h.Name == "":
		return nil, errors.New("it names no host")
	case !hostName.MatchString(h.Name):
		return nil, fmt.Errorf("%q is no name of a host", h.Name)
	case h.User != "" && !userName.MatchString(h.User):
		return nil, fmt.Errorf("%q is no name of a user", h.User)
	}
	if p := u.Port(); p != "" {
		const lastPort = 1<<16 - 1
		if h.Port, err = strconv.Atoi(p); err != nil || h.Port < 1 || h.Port > lastPort {
			return nil, fmt.Errorf("%s is no port", p)
		}
	}
	return h, nil
}

// String returns the address.
func (h *Host) String() string {
	s := h.Name
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if h.User != "" {
		s = h.User + "@" + s
	}
	if h.Port != 0 {
		s += ":" + strconv.Itoa(h.Port)
	}
	return hostScheme + s
}
