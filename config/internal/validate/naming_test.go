package validate

import (
	"regexp"
	"strings"
	"testing"
)

// The normal form of a text, or "" for one that is refused.
func TestNaming(t *testing.T) {
	for rule, texts := range map[string]map[string]string{
		"hostname": {
			"Web-1": "Web-1", "a.example.com": "a.example.com", "my_db": "my_db", strings.Repeat("a", 63): strings.Repeat("a", 63),
			strings.Repeat("a", 64): "", "": "", "a b": "", "-a": "", "a-": "", "a..b": "", ".a": "", "a\nb": "",
		},
		"domainname":     {"example.com": "example.com", strings.Repeat("a", 65): "", "a b": ""},
		"resolver":       {"192.0.2.1": "192.0.2.1", "2001:DB8::1": "2001:db8::1", "::ffff:192.0.2.1": "192.0.2.1", "0.0.0.0": "", "dns": "", "fe80::1%eth0": "", "1.1.1.1:53": ""},
		"searchdomain":   {".": ".", "example.com.": "example.com", "lan": "lan", "a b": "", strings.Repeat("a", 254): ""},
		"resolveroption": {"ndots:2": "ndots:2", "use-vc": "use-vc", "": "", "a b": "", "a\n": ""},
		"mac": {
			"02:42:AC:11:00:02": "02:42:ac:11:00:02", "02-42-ac-11-00-02": "02:42:ac:11:00:02", "0242.ac11.0002": "02:42:ac:11:00:02",
			"01:42:ac:11:00:02": "", "00:00:00:00:00:00": "", "02:42:ac:11:00": "", "02:00:5e:10:00:00:00:01": "", "": "",
		},
		"extrahost": {
			"a:192.0.2.1": "a:192.0.2.1", "a=192.0.2.1": "a:192.0.2.1", "a:2001:DB8::1": "a:[2001:db8::1]", "a=[::1]": "a:[::1]", "a:[::1]": "a:[::1]",
			"A.b:host-gateway": "A.b:host-gateway", "a=host-gateway": "a:host-gateway", "a": "", ":1.1.1.1": "", "a:": "", "a:b": "", "a b:1.1.1.1": "", "a:::1%lo": "",
		},
	} {
		for text, want := range texts {
			got, err := rules[rule].normalize(text)
			if err != nil {
				got = ""
			}
			if got != want || err == nil && want == "" {
				t.Errorf("%s %q: %q, %v", rule, text, got, err)
			}
			if matches := regexp.MustCompile(rules[rule].Pattern).MatchString(text); want != "" && !matches {
				t.Errorf("%s %q doesn't match the pattern", rule, text)
			}
		}
	}
}
