package schema

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// finishContainer brings a container to its normal form and validates attributes that depend on each other.
func finishContainer(r *resource.Resource, c *resource.Container, d *Declaration, diags *resource.Diagnostics) {
	finishImage(r, c, diags)
	validateArguments(r, c, diags)
	(&mounts{r, c, d.Spelling, d.Places, diags}).finish()
	validateMounts(r, c, diags)
	validateDevices(r, c, diags)
	validateNamespaces(r, c, d.Spelling, diags)
	validateSecurityOptions(r, c, diags)
	if c.Healthcheck != nil {
		validateHealthcheck(r, c.Healthcheck, diags)
	}
	for _, s := range c.Secrets {
		validateSecret(r, s, d.Spelling, diags)
	}
	validateConfigs(r, c, d.Spelling, diags)
	validateLogging(r, c, d.Spelling, diags)
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

func validateDevices(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	taken := map[string]string{}
	for _, device := range c.Devices {
		if resource.IsCDIDevice(device) {
			continue
		}
		parts := strings.Split(device, ":")
		target := parts[min(1, len(parts)-1)]
		if other, ok := taken[target]; ok {
			diags.Errorf(r.RangeOf(fmt.Sprintf("devices[%q]", device)), r.Path, "Duplicate device", "Both %q and %q would be %s in the container. Give each its own path.", other, device, target)
		}
		taken[target] = device
	}
}

func validateSecurityOptions(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	taken := map[string]string{}
	for _, option := range c.SecurityOpts {
		key, _, _ := strings.Cut(option, "=")
		if other, ok := taken[key]; ok {
			diags.Errorf(r.RangeOf(fmt.Sprintf("securityOpts[%q]", option)), r.Path, "Conflicting security options", "Both %s and %s are given. Keep one of them.", other, option)
		}
		taken[key] = option
	}
}

func validateHealthcheck(r *resource.Resource, h *resource.Healthcheck, diags *resource.Diagnostics) {
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
	switch {
	case h.Disable && !reflect.DeepEqual(*h, resource.Healthcheck{Disable: true}):
		diags.Errorf(at, r.Path, summary, "The healthcheck is disabled, and has other attributes. Remove these, or disable.")
	case reflect.ValueOf(*h).IsZero():
		diags.Errorf(at, r.Path, summary, "The healthcheck is empty. Set exactly one of exec, http and tcp, or an attribute that adjusts the HEALTHCHECK of the image, or remove it.")
	case len(given) > 1:
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

// withoutDefaults returns the logging without written defaults, nil where nothing else is left.
func withoutDefaults(l resource.Logging) *resource.Logging {
	if l.MaxSize == resource.DefaultLogSize {
		l.MaxSize = 0
	}
	if l.MaxFiles == resource.DefaultLogFiles {
		l.MaxFiles = 0
	}
	if l == (resource.Logging{}) {
		return nil
	}
	return &l
}

// validateLogging refuses bounds of files for a log without files.
func validateLogging(r *resource.Resource, c *resource.Container, f *Spelling, diags *resource.Diagnostics) {
	if c.Logging == nil {
		return
	}
	if c.LogDriver() == resource.LogLocal {
		c.Logging = withoutDefaults(*c.Logging)
		return
	}
	for _, name := range []string{"maxSize", "maxFiles"} {
		if at, ok := r.Ranges["logging."+name]; ok {
			shown := f.attribute(resource.FindAttribute(resource.KindContainer.Attribute("logging").Fields, name))
			diags.Errorf(at, r.Path, "Needless bound", "The logging driver %s writes no files that %s could bound. Remove it, or choose the driver local.", c.LogDriver(), shown)
		}
	}
}

func validateSecret(r *resource.Resource, s resource.Secret, f *Spelling, diags *resource.Diagnostics) {
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

// maxArguments is the bound of Linux for all arguments and variables of an execve, in bytes with a pointer each: a quarter
// of the default limit of a stack.
const maxArguments = 2 << 20

// validateArguments bounds the arguments and the variables of a container together. Those of its image come on top.
func validateArguments(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	const each = 1 + 8 // the NUL at its end, and a pointer to it
	total := 0
	for _, arg := range c.Args {
		total += len(arg) + each
	}
	for name, value := range c.Env {
		total += len(name) + 1 + len(value) + each
	}
	if total > maxArguments {
		diags.Errorf(r.RangeOf("args"), r.Path, "Too many arguments", "The arguments and environment variables take %d bytes together, but Linux passes at most %d to a program. Put large values in files and mount them.", total, maxArguments)
	}
}
