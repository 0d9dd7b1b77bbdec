// Package outline holds a configuration as it is written: its blocks with their expressions, in the shape that Terraform gives
// the configuration in the JSON of plans. It is data for those who review a plan, and nothing is decided by it. Package config
// makes it, a plan keeps it, and package planner/jsonplan writes it.
//
// No value in it is sensitive: those that are have been left out.
package outline

import (
	"encoding/json"
	"fmt"

	"github.com/kukeon/kuke/config/resource"
)

// Managed is the mode of all resources in Terraform's words, and ProviderKey the name of their provider in a configuration.
const (
	Managed     = "managed"
	ProviderKey = "kuke"
)

// TypeOf returns the type of the resources of a kind in Terraform's words, such as kuke_cell.
func TypeOf(k resource.Kind) string { return "kuke_" + k.Lower() }

// Outline is a configuration as it is written, with the values of its variables.
type Outline struct {
	// Variables are the values of the variables of the root module, by name.
	Variables map[string]Variable `json:"variables"`
	Root      *Module             `json:"root_module"`
	// Instances are the resources that the blocks make, in the order of their paths.
	Instances []Instance `json:"instances"`
	// Checks are the results of conditions, in the order of their addresses.
	Checks []Check `json:"checks"`
}

// Variable is the value of a variable.
type Variable struct {
	// Value is in JSON; nil for a sensitive one.
	Value     json.RawMessage `json:"value,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
}

// Instance is a resource that a block makes.
type Instance struct {
	Path resource.Path `json:"path"`
	// Modules are the addresses of the module instances around it, the outermost first, such as module.site["a"] and
	// module.site["a"].module.web; none in the root module. Block is the address of the block in its module, see [Resource].
	Modules []string `json:"modules,omitempty"`
	Block   string   `json:"block,omitempty"`
	// Index is the key of for_each, a string in JSON, or the index of count, a number; nil where the block has neither.
	Index json.RawMessage `json:"index,omitempty"`
	// References are the resources whose attributes it uses.
	References []resource.Path `json:"references,omitempty"`
}

// Module returns the address of the module instance that i is in, empty for the root module. i may be nil.
func (i *Instance) Module() string {
	if i == nil || len(i.Modules) == 0 {
		return ""
	}
	return i.Modules[len(i.Modules)-1]
}

// Key returns the Index of i, nil where there is none. i may be nil.
func (i *Instance) Key() json.RawMessage {
	if i == nil {
		return nil
	}
	return i.Index
}

// Module is the content of a module.
type Module struct {
	Outputs   map[string]Output   `json:"outputs,omitempty"`
	Resources []Resource          `json:"resources,omitempty"`
	Calls     map[string]Call     `json:"module_calls,omitempty"`
	Variables map[string]Declared `json:"variables,omitempty"`
}

// Output is an output block.
type Output struct {
	Sensitive   bool        `json:"sensitive,omitempty"`
	Expression  *Expression `json:"expression,omitempty"`
	Description string      `json:"description,omitempty"`
}

// Declared is a variable block.
type Declared struct {
	// Default is in JSON; nil without a default, and for a sensitive variable.
	Default     json.RawMessage `json:"default,omitempty"`
	Description string          `json:"description,omitempty"`
	Sensitive   bool            `json:"sensitive,omitempty"`
}

// Resource is a block of a resource, or a manifest.
type Resource struct {
	// Address names the block within its module, by the blocks around it: realm.main.space.default. That of a manifest is its
	// kind and its path.
	Address           string                `json:"address"`
	Mode              string                `json:"mode"`
	Type              string                `json:"type"`
	Name              string                `json:"name"`
	ProviderConfigKey string                `json:"provider_config_key"`
	Expressions       map[string]Expression `json:"expressions,omitempty"`
	SchemaVersion     int                   `json:"schema_version"`
	ForEach           *Expression           `json:"for_each_expression,omitempty"`
	Count             *Expression           `json:"count_expression,omitempty"`
}

// Call is a module block.
type Call struct {
	Source      string                `json:"source,omitempty"`
	Expressions map[string]Expression `json:"expressions,omitempty"`
	ForEach     *Expression           `json:"for_each_expression,omitempty"`
	Count       *Expression           `json:"count_expression,omitempty"`
	// Module is nil where for_each or count make no instance.
	Module *Module `json:"module,omitempty"`
}

// Expression is an argument as it is written: a constant, the references that it is made of, or nested blocks.
type Expression struct {
	// Constant is in JSON; nil for an expression that is no constant, and for a sensitive one.
	Constant json.RawMessage `json:"constant_value,omitempty"`
	// References are the names that the expression refers to, each followed by the shorter ones that it begins with:
	// cell.db.address, cell.db.
	References []string `json:"references,omitempty"`
	// Blocks are the blocks of one type. They are written as a list, in place of an object.
	Blocks []map[string]Expression `json:"-"`
}

// MarshalJSON writes a list of blocks, or an object.
func (e Expression) MarshalJSON() ([]byte, error) {
	if len(e.Blocks) > 0 {
		return json.Marshal(e.Blocks)
	}
	type object Expression
	return json.Marshal(object(e))
}

// UnmarshalJSON reads the same.
func (e *Expression) UnmarshalJSON(data []byte) error {
	*e = Expression{}
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, &e.Blocks)
	}
	type object Expression
	return json.Unmarshal(data, (*object)(e))
}

// The kinds of blocks with conditions.
const (
	KindCheck    = "check"
	KindResource = "resource"
	KindOutput   = "output_value"
	KindVariable = "var"
)

// The results of conditions.
const (
	Pass    = "pass"
	Fail    = "fail"
	Unknown = "unknown"
)

// Check is the result of the conditions of a block: in all of its instances.
type Check struct {
	Kind string `json:"kind"`
	// Module is the address of the module without the keys of its instances, empty for the root module; Name and Type are
	// those of the block, Type of a resource alone. Name is the address of a resource's block.
	Module    string        `json:"module,omitempty"`
	Type      string        `json:"type,omitempty"`
	Name      string        `json:"name"`
	Instances []CheckResult `json:"instances"`
}

// Address returns the address of the block in the whole configuration, as people write it.
func (c *Check) Address() string {
	address := c.Name
	switch c.Kind {
	case KindCheck, KindVariable:
		address = c.Kind + "." + c.Name
	case KindOutput:
		address = "output." + c.Name
	}
	if c.Module != "" {
		return c.Module + "." + address
	}
	return address
}

// CheckResult is the result of the conditions of one instance.
type CheckResult struct {
	Address  string   `json:"address"`
	Status   string   `json:"status"`
	Problems []string `json:"problems,omitempty"`
}

// Validate makes sure that o names resources by paths, and each of them once. o may be nil.
func (o *Outline) Validate() error {
	if o == nil {
		return nil
	}
	seen := map[resource.Path]bool{}
	for _, i := range o.Instances {
		if _, err := resource.ParsePath(string(i.Path)); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		if seen[i.Path] {
			return fmt.Errorf("configuration: %s occurs twice", i.Path)
		}
		seen[i.Path] = true
	}
	return nil
}

// Find returns the instances by their paths. o may be nil.
func (o *Outline) Find() map[resource.Path]*Instance {
	found := map[resource.Path]*Instance{}
	if o != nil {
		for i := range o.Instances {
			found[o.Instances[i].Path] = &o.Instances[i]
		}
	}
	return found
}
