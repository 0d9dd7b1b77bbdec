package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestNoConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var diags resource.Diagnostics
	FilesIn(".", &diags)
	if len(diags) != 1 || diags[0].Subject.File != dir || !strings.Contains(diags[0].Detail, "main.tf is a file of Terraform.") {
		t.Errorf("diagnostics = %+v", diags)
	}
}
