package lang

import (
	"path/filepath"
	"strings"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/sandbox"
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
	// Host is the address of the host that the kuke block names, empty where it names none, at HostAt.
	Host   string
	HostAt resource.Range
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
func projectOf(m *module.Module) Project {
	p := Project{Name: projectName(m.Dir), Dir: m.Dir}
	if m.Settings != nil {
		p.Host, p.HostAt = m.Settings.Host, m.Settings.HostAt
	}
	if m.Settings != nil && m.Settings.Project != "" {
		p.Name, p.Named, p.Declared = m.Settings.Project, true, m.Settings.Declared
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
	root, read := module.New(dir), source.NewFiles()
	var none resource.Diagnostics
	if len(in.Paths) == 0 && len(source.FilesIn(".", &none)) == 0 {
		return projectOf(root), read.Texts, nil
	}
	root.ReadSettings(source.Discover(paths, in.Stdin, sandbox.Files{Outside: in.OutsideFiles}, &diags), read, &diags)
	return projectOf(root), read.Texts, read.Sort(diags)
}
