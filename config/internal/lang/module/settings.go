package module

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// ReadSettings adds the settings in files, and their text to sources.
func (m *Module) ReadSettings(found []source.File, sources *source.Files, diags *resource.Diagnostics) {
	collect := &collector{module: m, diags: diags}
	for _, s := range found {
		data, ok := source.Normalize(s, diags)
		sources.Add(s.Name, data)
		if ok && !source.IsYAML(s.Name, data) {
			collect.settingsOf(s.Name, data)
		}
	}
}

// settingsOf adds the kuke blocks of an HCL file and leaves out all else.
func (c *collector) settingsOf(name string, data []byte) {
	body, ok := source.ParseHCL(name, data, c.diags)
	if !ok {
		return
	}
	for _, b := range body.Blocks {
		if b.Type == schema.SettingsBlock {
			c.addSettings(b)
		}
	}
}

// Settings are the settings of a configuration, from its kuke block.
type Settings struct {
	// Project is empty where it is wrong, which has been reported.
	Project string
	// Host is the address of the host that commands run on, empty where there is none, at HostAt.
	Host     string
	Declared resource.Range
	HostAt   resource.Range
}

var settingsSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "project"}, {Name: "host"}}}

// addSettings adds a kuke block. Its values are written out, since they are needed before anything is evaluated.
func (c *collector) addSettings(b *hclsyntax.Block) {
	c.noLabel(b)
	if c.module.Settings != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate block", "The settings of this configuration are already at %s. Keep one block kuke.", c.module.Settings.Declared)
		return
	}
	c.module.Settings = &Settings{Declared: source.RangeOf(b.DefRange())}
	content, problems := b.Body.Content(settingsSchema)
	source.Report(problems, c.diags)
	host, attr := content.Attributes["host"], content.Attributes["project"]
	if host != nil {
		c.addHost(host)
	}
	if attr == nil {
		if host == nil && !problems.HasErrors() {
			c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Missing argument", "The block kuke sets nothing. Name the project with project = \"…\", or the host with host = \"ssh://…\".")
		}
		return
	}
	before := len(*c.diags)
	name := constantText(attr, c.diags)
	if len(*c.diags) > before {
		return
	}
	if err := resource.CheckName(name); err != nil {
		c.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid name", "%s.%s", message.Sentence(err.Error()), validate.SuggestName(name))
		return
	}
	c.module.Settings.Project, c.module.Settings.Declared = name, source.RangeOf(attr.Range)
}

// addHost sets the host that commands run on.
func (c *collector) addHost(attr *hcl.Attribute) {
	before := len(*c.diags)
	address := constantText(attr, c.diags)
	if len(*c.diags) > before {
		return
	}
	at := source.RangeOf(attr.Expr.Range())
	if _, err := resource.ParseHost(address); err != nil {
		c.diags.Errorf(at, "", "Invalid host", "%s.", message.Sentence(err.Error()))
		return
	}
	c.module.Settings.Host, c.module.Settings.HostAt = address, at
}
