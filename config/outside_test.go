package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What nobody named is read from the directory of the configuration only, and nothing of it is shown.
func TestFilesOutsideOfTheConfiguration(t *testing.T) {
	const secret = "root:geheim:19000:0:99999:7:::\n"
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		arrange func(dir, outside string) error
		want    string
	}{
		"hcl":     {func(dir, outside string) error { return os.Symlink(outside+"/shadow", dir+"/x.hcl") }, "x.hcl leads out of the configuration's directory"},
		"yaml":    {func(dir, outside string) error { return os.Symlink("../outside/shadow", dir+"/x.yaml") }, "x.yaml leads out of the configuration's directory"},
		"auto":    {func(dir, outside string) error { return os.Symlink(outside+"/shadow", dir+"/x.auto.kukevars") }, "x.auto.kukevars leads out of the configuration's directory"},
		"default": {func(dir, outside string) error { return os.Symlink(outside+"/shadow", dir+"/kuke.kukevars.json") }, "kuke.kukevars.json leads out of the configuration's directory"},
		"module": {func(dir, _ string) error {
			return os.WriteFile(dir+"/m.hcl", []byte("module \"m\" {\n  source = \"../outside\"\n}\n"), 0o600)
		}, "The folder ../outside is not in the configuration's directory"},
		"linked module": {func(dir, outside string) error {
			return errors.Join(os.Symlink(outside, dir+"/m"), os.WriteFile(dir+"/m.hcl", []byte("module \"m\" {\n  source = \"./m\"\n}\n"), 0o600))
		}, "The folder m is not in the configuration's directory"},
		"file of a module": {func(dir, outside string) error {
			return errors.Join(os.Mkdir(dir+"/m", 0o700), os.Symlink(outside+"/shadow", dir+"/m/x.hcl"), os.WriteFile(dir+"/m.hcl", []byte("module \"m\" {\n  source = \"./m\"\n}\n"), 0o600))
		}, "x.hcl leads out of the configuration's directory"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			dir, outside := filepath.Join(base, "configuration"), filepath.Join(base, "outside")
			must(os.Mkdir(dir, 0o700), os.Mkdir(outside, 0o700), os.WriteFile(filepath.Join(outside, "shadow"), []byte(secret), 0o600),
				os.WriteFile(filepath.Join(outside, "main.hcl"), []byte("locals {}\n"), 0o600),
				os.WriteFile(filepath.Join(dir, "main.hcl"), []byte("realm \"main\" {}\n"), 0o600), tt.arrange(dir, outside))
			c, diags := Load(Input{Paths: []string{dir}})
			text := diags.Error()
			for _, data := range c.Sources {
				text += string(data)
			}
			if !diags.HasErrors() || !strings.Contains(text, tt.want) || !strings.Contains(text, "--allow-outside-files") || strings.Contains(text, "geheim") {
				t.Errorf("%s", text)
			}
			_, diags = Load(Input{Paths: []string{dir}, OutsideFiles: true})
			if text := diags.Error(); diags.HasErrors() && strings.Contains(text, "--allow-outside-files") {
				t.Errorf("allowed: %s", text)
			}
		})
	}
}

// Links within the configuration, and files that are named, are read.
func TestLinksWithinTheConfiguration(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "configuration")
	if err := errors.Join(os.MkdirAll(dir+"/shared", 0o700), os.WriteFile(dir+"/shared/common", []byte("realm \"main\" {}\n"), 0o600),
		os.Symlink("shared/common", dir+"/main.hcl"), os.Symlink(dir, base+"/link"),
		os.WriteFile(base+"/elsewhere.hcl", []byte("realm \"main\" {}\n"), 0o600), os.Symlink(base+"/elsewhere.hcl", dir+"/named")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, base + "/link", dir + "/named"} {
		if _, diags := Load(Input{Paths: []string{path}}); diags.HasErrors() {
			t.Errorf("%s: %v", path, diags)
		}
	}
}
