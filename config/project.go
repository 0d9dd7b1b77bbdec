package config

import (
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// Project is the project that a configuration belongs to.
type Project struct {
	// Name is the name that the kuke block gives, or else the one that follows from Dir, see [projectName].
	Name string
	// Named reports that the kuke block gives the name, at Declared.
	Named    bool
	Declared resource.Range
	// Dir is the directory of the configuration, an absolute path: the directory of the first file that the user names.
	Dir string
}

// DefaultProject is the project of a directory whose name holds no letter and no digit, such as the root directory.
const DefaultProject = "default"

// projectName makes the name of a directory a valid project name: lower case, other characters become a "-".
func projectName(dir string) string {
	name := strings.Join(validate.NameParts(filepath.Base(dir)), "-")
	if len(name) > resource.MaxNameLength {
		name = strings.TrimRight(name[:resource.MaxNameLength], "-")
	}
	if resource.CheckName(name) != nil {
		return DefaultProject
	}
	return name
}

// projectOf returns the project of a configuration whose root module is m.
func projectOf(m *module) Project {
	p := Project{Name: projectName(m.dir), Dir: m.dir}
	if m.settings != nil && m.settings.project != "" {
		p.Name, p.Named, p.Declared = m.settings.project, true, m.settings.declared
	}
	return p
}

// ProjectOf returns the project of the configuration at the paths of the input, without evaluating it: variables need no
// values, and resources may be wrong. Without paths the configuration is that of the current directory, which need hold none.
// sources are the files read, by name.
func ProjectOf(in Input) (p Project, sources map[string][]byte, diags resource.Diagnostics) {
	paths := in.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	dir := source.Directories(paths)[0]
	root, read := newModule(dir), source.NewFiles()
	var none resource.Diagnostics
	if len(in.Paths) == 0 && len(source.FilesIn(".", &none)) == 0 {
		return projectOf(root), read.Texts, nil
	}
	root.readSettings(source.Discover(paths, in.Stdin, functions.Files{Outside: in.OutsideFiles}, &diags), read, &diags)
	return projectOf(root), read.Texts, read.Sort(diags)
}

// readSettings adds the settings in files, and their text to sources.
func (m *module) readSettings(found []source.File, sources *source.Files, diags *resource.Diagnostics) {
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
	if !source.Bounded(name, data, c.diags) {
		return
	}
	file, problems := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	source.Report(source.FirstOfEach(problems), c.diags)
	if problems.HasErrors() {
		return
	}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type == schema.SettingsBlock {
			c.addSettings(b)
		}
	}
}

// settings are what a kuke block says.
type settings struct {
	// project is empty where it is wrong, which has been reported.
	project  string
	declared resource.Range
}

var settingsSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "project", Required: true}}}

// addSettings adds a kuke block. Its values are written out, since they are needed before anything is evaluated.
func (c *collector) addSettings(b *hclsyntax.Block) {
	c.noLabel(b)
	if c.module.settings != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate block", "The settings of this configuration are already at %s. Keep one block kuke.", c.module.settings.declared)
		return
	}
	c.module.settings = &settings{declared: source.RangeOf(b.DefRange())}
	content, problems := b.Body.Content(settingsSchema)
	source.Report(problems, c.diags)
	attr := content.Attributes["project"]
	if attr == nil {
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
	c.module.settings.project, c.module.settings.declared = name, source.RangeOf(attr.Range)
}
