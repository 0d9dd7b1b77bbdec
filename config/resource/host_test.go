package resource

import (
	"strings"
	"testing"
)

func TestParseHost(t *testing.T) {
	for address, want := range map[string]Host{
		"ssh://web1": {Name: "web1"}, "ssh://admin@web1.example.org": {User: "admin", Name: "web1.example.org"},
		"ssh://web_1:2222/": {Name: "web_1", Port: 2222}, "ssh://root@[2001:db8::1]:22": {User: "root", Name: "2001:db8::1", Port: 22},
	} {
		got, err := ParseHost(address)
		if err != nil || *got != want {
			t.Errorf("%s: %v, %v", address, got, err)
			continue
		}
		if again, err := ParseHost(got.String()); err != nil || *again != want {
			t.Errorf("%s: %s is read as %v, %v", address, got, again, err)
		}
	}
	if h, err := ParseHost(LocalHost); h != nil || err != nil {
		t.Errorf("%s: %v, %v", LocalHost, h, err)
	}
	for address, reason := range map[string]string{
		"web1": "does not begin with ssh://", "tcp://web1": "does not begin with ssh://", "ssh://": "names no host", "ssh://a:b@web1": "password",
		"ssh://-oProxyCommand=x": "no name of a host", "ssh://-l@web1": "no name of a user", "ssh://web1/opt": "goes on after the host",
		"ssh://web1:0": "no port", "ssh://web1:65536": "no port", "ssh://web1:x": "port", "ssh://$(id)@web1": "", "ssh://`id`": "", "ssh://a%20b": "", "ssh://a%0ab": "",
	} {
		if h, err := ParseHost(address); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, %v", address, h, err)
		}
	}
}
