package jsonplan

import (
	"github.com/kukeon/kuke/config/resource/outline"
)

// Configuration is the configuration that a plan is for.
type Configuration struct {
	ProviderConfig map[string]ProviderConfig `json:"provider_config"`
	RootModule     outline.Module            `json:"root_module"`
}

// ProviderConfig is the configuration of the one provider, which kuke is.
type ProviderConfig struct {
	Name     string `json:"name"`
	FullName string `json:"full_name"`
}

func configurationOf(o *outline.Outline) Configuration {
	c := Configuration{ProviderConfig: map[string]ProviderConfig{outline.ProviderKey: {Name: outline.ProviderKey, FullName: Provider}}}
	if o != nil && o.Root != nil {
		c.RootModule = *o.Root
	}
	return c
}

// Check is the result of the conditions of a check block, a resource, an output or a variable.
type Check struct {
	Address   CheckAddress  `json:"address"`
	Status    string        `json:"status"`
	Instances []CheckResult `json:"instances"`
}

// CheckAddress names the block with the conditions.
type CheckAddress struct {
	Kind      string `json:"kind"`
	Module    string `json:"module,omitempty"`
	Mode      string `json:"mode,omitempty"`
	Type      string `json:"type,omitempty"`
	Name      string `json:"name"`
	ToDisplay string `json:"to_display"`
}

// CheckResult is the result of one instance of the block.
type CheckResult struct {
	Address  InstanceAddress `json:"address"`
	Status   string          `json:"status"`
	Problems []Problem       `json:"problems"`
}

// InstanceAddress names an instance.
type InstanceAddress struct {
	ToDisplay string `json:"to_display"`
}

// Problem is the error message of a condition that does not hold.
type Problem struct {
	Message string `json:"message"`
}

func checksOf(o *outline.Outline) []Check {
	all := []Check{}
	if o == nil {
		return all
	}
	for _, c := range o.Checks {
		check := Check{Status: outline.Pass, Instances: []CheckResult{}, Address: CheckAddress{Kind: c.Kind, Module: c.Module, Type: c.Type, Name: c.Name, ToDisplay: c.Address()}}
		if c.Kind == outline.KindResource {
			check.Address.Mode = outline.Managed
		}
		for _, i := range c.Instances {
			result := CheckResult{Address: InstanceAddress{i.Address}, Status: i.Status, Problems: []Problem{}}
			for _, text := range i.Problems {
				result.Problems = append(result.Problems, Problem{text})
			}
			if i.Status == outline.Fail || i.Status == outline.Unknown && check.Status == outline.Pass {
				check.Status = i.Status
			}
			check.Instances = append(check.Instances, result)
		}
		all = append(all, check)
	}
	return all
}
