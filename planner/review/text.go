package review

import (
	"fmt"
	"strings"
	"unicode"

	units "github.com/docker/go-units"

	"github.com/kukeon/kuke/config/resource"
)

// Size spells the size of files or of an image, as in a sentence: "1.2 GB".
func Size(n int64) string {
	return units.CustomSize("%.3g %s", float64(n), 1000, []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"})
}

// binarySize spells a size of memory, as in a sentence: "32 MiB".
func binarySize(n int64) string {
	return units.CustomSize("%.4g %s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"})
}

// Duration spells an estimate in seconds: "about 2 s", or "about 3 min".
func Duration(seconds float64) string {
	const minute, tenth = 60, 10
	switch {
	case seconds < 0.1:
		return "less than 0.1 s"
	case seconds < tenth:
		return fmt.Sprintf("about %.2g s", seconds)
	case seconds < 2*minute:
		return fmt.Sprintf("about %.0f s", seconds)
	}
	return fmt.Sprintf("about %.0f min", seconds/minute)
}

// about continues a sentence with an estimate, if there is one.
func about(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return ", for " + Duration(*seconds)
}

// oneLine replaces control characters: names of files and of volumes hold any, and must not look like lines of a plan.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list spells names as a part of a sentence: "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// ports names published ports with the verb.
func ports(published []string) string {
	if len(published) == 1 {
		return "port " + published[0] + " is"
	}
	return "ports " + list(published) + " are"
}

// HostPort returns the part of a published port that clients connect to, such as 8080, or 127.0.0.1:53/udp.
func HostPort(published string) string {
	p, err := resource.ParsePort(published)
	if err != nil {
		return published
	}
	text := p.Host.String()
	if p.HostIP.IsValid() {
		ip := p.HostIP.String()
		if p.HostIP.Is6() {
			ip = "[" + ip + "]"
		}
		text = ip + ":" + text
	}
	if p.Protocol != "tcp" {
		text += "/" + p.Protocol
	}
	return text
}
