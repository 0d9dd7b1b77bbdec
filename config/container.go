package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// finishContainer brings a container to its normal form and checks what concerns several of its attributes.
func finishContainer(r *resource.Resource, c *resource.Container, f *format, diags *resource.Diagnostics) {
	finishImage(r, c, diags)
	checkArguments(r, c, diags)
	checkMounts(r, c, diags)
	checkDevices(r, c, diags)
	checkSecurityOptions(r, c, diags)
	if c.Healthcheck != nil {
		checkHealthcheck(r, c.Healthcheck, diags)
	}
	for _, s := range c.Secrets {
		checkSecret(r, s, f, diags)
	}
}

func finishImage(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	if c.Image == "" {
		if !r.External {
			c.Image = resource.DefaultImage
		}
		return
	}
	image, err := validate.Image(c.Image)
	if err != nil {
		diags.Errorf(r.RangeOf("image"), r.Path, "Invalid image", "image: %v.", err)
		return
	}
	c.Image = image
}

func checkDevices(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	taken := map[string]string{}
	for _, device := range c.Devices {
		parts := strings.Split(device, ":")
		target := parts[min(1, len(parts)-1)]
		if other, ok := taken[target]; ok {
			diags.Errorf(r.RangeOf(fmt.Sprintf("devices[%q]", device)), r.Path, "Duplicate device", "Both %q and %q would be %s in the container. Give each its own path.", other, device, target)
		}
		taken[target] = device
	}
}

func checkSecurityOptions(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	taken := map[string]string{}
	for _, option := range c.SecurityOpts {
		key, _, _ := strings.Cut(option, "=")
		if other, ok := taken[key]; ok {
			diags.Errorf(r.RangeOf(fmt.Sprintf("securityOpts[%q]", option)), r.Path, "Conflicting security options", "Both %s and %s are given. Keep one of them.", other, option)
		}
		taken[key] = option
	}
}

func checkHealthcheck(r *resource.Resource, h *resource.Healthcheck, diags *resource.Diagnostics) {
	const summary = "Invalid healthcheck"
	at := r.RangeOf("healthcheck")
	var given []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"exec", len(h.Exec) > 0}, {"http", h.HTTP != ""}, {"tcp", h.TCP != ""}} {
		if way.set {
			given = append(given, way.name)
		}
	}
	switch len(given) {
	case 0:
		diags.Errorf(at, r.Path, summary, "The healthcheck doesn't say what to check. Set exactly one of exec, http and tcp.")
	case 1:
	default:
		diags.Errorf(at, r.Path, summary, "The healthcheck sets %s. Keep exactly one of them.", strings.Join(given, " and "))
	}
	if h.HTTP != "" {
		u, err := url.Parse(h.HTTP)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			diags.Errorf(r.RangeOf("healthcheck.http"), r.Path, summary, "http: %q is not a URL such as http://localhost:8080/healthy.", message.Shorten(h.HTTP))
		}
	}
	if h.TCP != "" {
		host, number, err := net.SplitHostPort(h.TCP)
		var port resource.PortRange
		if err == nil {
			port, err = resource.ParsePortRange(number)
		}
		// Only one port is written as its number alone.
		if err != nil || host == "" || port.String() != number {
			diags.Errorf(r.RangeOf("healthcheck.tcp"), r.Path, summary, "tcp: %q is not of the form host:port, such as localhost:5432.", message.Shorten(h.TCP))
		}
	}
}

func checkSecret(r *resource.Resource, s resource.Secret, f *format, diags *resource.Diagnostics) {
	const summary = "Invalid secret"
	prefix := fmt.Sprintf("secrets[%q]", s.Name)
	fields := resource.KindContainer.Attribute("secrets").Fields
	fromEnv := f.attribute(resource.FindAttribute(fields, "fromEnv"))
	fromFile := f.attribute(resource.FindAttribute(fields, "fromFile"))
	switch {
	case s.FromEnv == "" && s.FromFile == "":
		diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The secret %q doesn't say where its value comes from. Set exactly one of %s and %s.", s.Name, fromEnv, fromFile)
	case s.FromEnv != "" && s.FromFile != "":
		diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The secret %q sets %s and %s. Keep exactly one of them.", s.Name, fromEnv, fromFile)
	case s.FromEnv != "":
		if err := validate.Variable(s.FromEnv); err != nil {
			diags.Errorf(r.RangeOf(prefix+".fromEnv"), r.Path, summary, "%s: %v.", fromEnv, err)
		}
	}
}

// checkHostPorts sees that no port of the host is published twice in the whole configuration.
func checkHostPorts(decls []*declaration, diags *resource.Diagnostics) {
	type use struct {
		resource.Port
		text string
		r    *resource.Resource
		at   resource.Range
	}
	type socket struct {
		number int
		proto  string
	}
	taken := map[socket][]use{}
	for r, c := range specs[*resource.Container](decls) {
		if r.External {
			continue
		}
	next:
		for _, text := range c.Ports {
			p, err := resource.ParsePort(text)
			if err != nil || p.Host.First == 0 {
				continue
			}
			u := use{p, text, r, r.RangeOf(fmt.Sprintf("ports[%q]", text))}
			for n := p.Host.First; n <= p.Host.Last; n++ {
				for _, other := range taken[socket{n, p.Protocol}] {
					if p.Clashes(other.Port) {
						diags.Errorf(u.at, r.Path, "Duplicate host port", "Port %d/%s of the host is already published by %s with %q at %s. Choose another.", n, p.Protocol, other.r.Path, other.text, other.at)
						continue next
					}
				}
			}
			for n := p.Host.First; n <= p.Host.Last; n++ {
				taken[socket{n, p.Protocol}] = append(taken[socket{n, p.Protocol}], u)
			}
		}
	}
}
