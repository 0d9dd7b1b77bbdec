package schema

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// validateConfigs sees that each config has one source, and bounds the contents.
func validateConfigs(r *resource.Resource, c *resource.Container, f *Spelling, diags *resource.Diagnostics) {
	const summary = "Invalid config"
	fields := resource.KindContainer.Attribute("configs").Fields
	total := 0
	for _, config := range c.Configs {
		prefix := fmt.Sprintf("configs[%q]", config.Name)
		var names, given []string
		for _, source := range []string{"content", "fromFile", "fromEnv"} {
			shown := f.attribute(resource.FindAttribute(fields, source))
			names = append(names, shown)
			if _, ok := r.Ranges[prefix+"."+source]; ok {
				given = append(given, shown)
			}
		}
		total += len(config.Content)
		switch {
		case len(given) == 0:
			diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The config %q doesn't say where its content comes from. Set exactly one of %s and %s.", config.Name, strings.Join(names[:2], ", "), names[2])
		case len(given) > 1:
			diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The config %q sets %s. Keep exactly one of them.", config.Name, strings.Join(given, " and "))
		case len(config.Content) > resource.MaxConfig:
			diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The config %q is larger than %s, the maximum. Mount the file as a volume.", config.Name, units.BytesSize(resource.MaxConfig))
		}
		if config.FromEnv != "" {
			if err := validate.Variable(config.FromEnv); err != nil {
				diags.Errorf(r.RangeOf(prefix+".fromEnv"), r.Path, summary, "%s: %v.", names[2], err)
			}
		}
	}
	if total > resource.MaxConfigs {
		diags.Errorf(r.RangeOf("configs"), r.Path, "Too large configs", "The configs of the container have more than %s together, the maximum. Mount large files as volumes.", units.BytesSize(resource.MaxConfigs))
	}
}
