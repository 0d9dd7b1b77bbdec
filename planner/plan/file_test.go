package plan

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file of root, or of the user who reads it, is trusted, another user's is not.
func TestTrustworthy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if diags := trustworthy(file, info, owner); len(diags) > 0 {
		t.Error(diags)
	}
	other := fileOf{info, 1234}
	if diags := trustworthy(file, other, owner); len(diags) != 1 || !strings.Contains(diags.Error(), "user with the id 1234") {
		t.Error(diags)
	}
	if diags := trustworthy(file, other, 1234); len(diags) > 0 {
		t.Error(diags)
	}
	if diags := trustworthy(file, fileOf{info, 0}, 1234); len(diags) > 0 {
		t.Error("root is warned of:", diags)
	}
}

// fileOf is a file that belongs to another user.
type fileOf struct {
	fs.FileInfo
	uid uint32
}

func (f fileOf) Sys() any { return &syscall.Stat_t{Uid: f.uid} }
