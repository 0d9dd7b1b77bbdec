package eval

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/internal/envfile"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// include returns the function that adds the contents of files to the resource that names them; nil leaves the names.
func (e *Evaluator) include() func(*schema.Declaration, *resource.Resource) {
	if e.options.KeepFiles {
		return nil
	}
	return func(d *schema.Declaration, r *resource.Resource) {
		if c, ok := r.Spec.(*resource.Container); ok {
			e.includeEnvFiles(d, r, c)
			e.includeConfigs(r, c)
		}
	}
}

// includeEnvFiles puts the variables of the files of a container into its env, as sensitive values.
func (e *Evaluator) includeEnvFiles(d *schema.Declaration, r *resource.Resource, c *resource.Container) {
	variables, from := map[string]string{}, map[string]resource.Range{}
	for _, name := range c.EnvFile {
		at := itemRange(d, r, "envFile", name)
		read, ok := e.envFile(r, name, at, variables)
		if !ok {
			return
		}
		for variable, value := range read {
			variables[variable], from[variable] = value, at
		}
	}
	c.EnvFile = nil
	if len(variables) == 0 {
		return
	}
	env := maps.Clone(c.Env)
	if env == nil {
		env = resource.Env{}
	}
	for variable, value := range variables {
		if _, written := env[variable]; written {
			continue
		}
		leaf := resource.EnvLeaf(variable)
		env[variable], r.Sensitive[leaf], r.Ranges[leaf] = value, true, from[variable]
	}
	c.Env = env
}

// envFile reads a file of variables, which may refer to those of the files before it.
func (e *Evaluator) envFile(r *resource.Resource, name string, at resource.Range, before map[string]string) (map[string]string, bool) {
	path, optional := strings.CutSuffix(name, "?")
	data, err := e.files(filepath.Dir(at.File)).Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && optional:
		return nil, true
	case errors.Is(err, fs.ErrNotExist):
		e.diags.Errorf(at, r.Path, "Missing env file", "There is no file %s in the directory of the configuration file. Create it, or write %q if it may be missing.", message.Shorten(path), path+"?")
		return nil, false
	case err != nil:
		e.diags.Errorf(at, r.Path, "Unreadable env file", "The file can't be read: %s", message.Stop(err))
		return nil, false
	}
	variables, err := envfile.Parse(data, before)
	if err != nil {
		e.diags.Errorf(at, r.Path, "Invalid env file", "%s: %s", message.Shorten(path), message.Stop(err))
		return nil, false
	}
	return variables, true
}

// itemRange returns the place of an item of a list, or else of the list.
func itemRange(d *schema.Declaration, r *resource.Resource, list, item string) resource.Range {
	if written := d.Written(resource.KindContainer.Attribute(list)); written != nil {
		for _, v := range written.Items {
			if v.Text == item {
				return v.Range
			}
		}
	}
	return r.RangeOf(list)
}

// holdsEnvFile reports whether a variable of the container comes from a file.
func holdsEnvFile(r *resource.Resource) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(r.Sensitive)), func(leaf string) bool { return strings.HasPrefix(leaf, "env[") })
}

// includeConfigs reads the contents of the configs of a container.
func (e *Evaluator) includeConfigs(r *resource.Resource, c *resource.Container) {
	c.Configs = slices.Clone(c.Configs)
	for i := range c.Configs {
		f := &c.Configs[i]
		name, source := f.FromFile, "fromFile"
		read := e.configFile
		if f.FromEnv != "" {
			name, source, read = f.FromEnv, "fromEnv", e.configVariable
		}
		if name == "" {
			continue
		}
		at := r.RangeOf(fmt.Sprintf("configs[%q].%s", f.Name, source))
		text, err := read(name, at)
		if err != nil {
			e.diags.Errorf(at, r.Path, "Unreadable config", "The config %s can't be read: %s", f.Name, message.Stop(err))
			continue
		}
		f.Content, f.FromFile, f.FromEnv = text, "", ""
	}
}

func (e *Evaluator) configFile(name string, at resource.Range) (string, error) {
	file, err := e.files(filepath.Dir(at.File)).Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %s in the directory of the configuration file", message.Shorten(name))
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, resource.MaxConfig+1))
	switch {
	case err != nil:
		return "", err
	case len(data) == 0:
		return "", fmt.Errorf("its file %s is empty", message.Shorten(name))
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return "", fmt.Errorf("its file %s is no text in UTF-8; mount it as a volume", message.Shorten(name))
	}
	return string(data), nil
}

func (e *Evaluator) configVariable(name string, _ resource.Range) (string, error) {
	text, set := e.options.Variable(name)
	switch {
	case !set || text == "":
		return "", fmt.Errorf("its environment variable %s is not set; set it for kuke", name)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("its environment variable %s is no text in UTF-8", name)
	}
	return text, nil
}
