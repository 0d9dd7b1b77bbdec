package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"

	"github.com/kukeon/kuke/config/resource/outline"
)

// outlineFiles are a configuration with modules, instances, conditions and values that must not be shown.
var outlineFiles = map[string]string{
	"main.hcl": `
variable "names" {
  type        = set(string)
  default     = ["a", "b"]
  description = "The names."
}
variable "password" {
  default   = "geheim-1"
  sensitive = true
}
variable "port" {
  default = 80
  validation {
    condition     = var.port < 1024
    error_message = "Too high."
  }
}
realm "main" {
  labels = { owner = "me", n = -1 }
  space "s" {
    stack "t" {}
  }
}
module "site" {
  source   = "./site"
  for_each = var.names
  parent   = "main/s/t"
  name     = each.key
  token    = "geheim-2"
}
module "none" {
  source = "./site"
  count  = 0
  token  = "geheim-5"
}
check "answer" {
  assert {
    condition     = 6 * 9 == 42
    error_message = "It is 54."
  }
}
output "addresses" { value = [for s in module.site : s.address] }
output "secret" {
  value     = "geheim-3"
  sensitive = true
}
`,
	"site/main.hcl": `
variable "name" { default = "x" }
variable "token" { sensitive = true }
cell "web" {
  name = "web-${var.name}"
  container "root" {
    image   = "busybox"
    command = "/bin/sleep"
    args    = ["3600", upper("x")]
    env     = { TOKEN = var.token, NAME = var.name }
    volume {
      source = "/srv"
      target = "/data"
    }
    dynamic "tmpfs" {
      for_each = ["/tmp"]
      content {
        path = tmpfs.value
      }
    }
    lifecycle {
      precondition {
        condition     = var.name != ""
        error_message = "No name."
      }
    }
  }
}
cell "job" {
  count = 2
  name  = "${var.name}-job-${count.index}"
  container "root" {
    image = "busybox"
    env   = { WEB = cell.web.address }
  }
}
output "address" { value = cell.web.address }
`,
	"more.yaml": `apiVersion: v1beta1
kind: Stack
metadata:
  name: yaml
spec:
  realmId: main
  spaceId: s
  resources:
    memory: 64MiB
`,
}

// loadOutline returns the outline of outlineFiles, edited.
func loadOutline(t *testing.T, edit func(map[string]string)) *outline.Outline {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for name, text := range outlineFiles {
		files[name] = text
	}
	if edit != nil {
		edit(files)
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, diags := Load(Input{Paths: []string{dir}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c.Outline
}

// TestOutline compares the outline of a configuration with the golden file. Nothing sensitive is in it, and it survives a file.
func TestOutline(t *testing.T) {
	o := loadOutline(t, nil)
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "geheim") {
		t.Errorf("a sensitive value is in the outline:\n%s", data)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	var again outline.Outline
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if second, err := json.MarshalIndent(&again, "", "  "); err != nil || string(second) != string(data) {
		t.Errorf("read again, it is another: %v\n%s", err, udiff.Unified("first", "again", string(data), string(second)))
	}
	golden := filepath.Join("testdata", "outline.json")
	if *update {
		if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(data)+"\n" {
		t.Errorf("run go test ./config -run TestOutline -update, and look at the difference:\n%s", udiff.Unified("want", "got", string(want), string(data)+"\n"))
	}
}
