package config

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/source"
)

// The tree tells the sensitive values of the configuration, of which those of containers are made, and no other values.
func TestWithheld(t *testing.T) {
	text := `variable "password" {
  default   = "hunter2"
  sensitive = true
}
variable "plain" {
  default = "shown"
}
variable "login" {
  default   = { user = "bob", pin = 4711, open = true, none = null }
  sensitive = true
}
locals {
  encoded = urlencode("a ${var.password}")
  mixed   = { plain = "public", hidden = sensitive("word") }
}
realm "main" {}
`
	c, diags := lang.LoadFiles(Input{}, []source.File{{Name: "main.hcl", Data: []byte(text)}}, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if want := []string{"4711", "a+hunter2", "bob", "hunter2", "word"}; !slices.Equal(c.Tree.Withheld, want) {
		t.Errorf("withheld are %q, not %q", c.Tree.Withheld, want)
	}
}
