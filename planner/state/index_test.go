package state

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// overwrite writes text over the file without changing its identity: inode, size and time.
func overwrite(t *testing.T, file, text string) {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	if int64(len(text)) > info.Size() {
		t.Fatalf("%q is longer than %s", text, file)
	}
	text += strings.Repeat("\n", int(info.Size())-len(text))
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, errors.Join(err, f.Close(), os.Chtimes(file, time.Time{}, info.ModTime())))
}

func TestIndexSavesReading(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	file := NewStore(dir).ManifestFile(family[4])
	overwrite(t, file, "garbage: [")
	_, st, _ := open(t, dir)
	if r := st.Records[family[4]]; r == nil || r.Spec.(*resource.Container).Image != resource.DefaultImage {
		t.Errorf("the index was not used: %+v", r)
	}
	must(t, os.Chtimes(file, time.Time{}, time.Unix(1, 0)))
	if _, st, _ := open(t, dir); len(st.Unreadable) != 1 || st.Unreadable[0].File != file {
		t.Errorf("with another time: %v, want the manifest to be read and found unreadable", st.Unreadable)
	}
}

func TestTreeHoldsOverIndex(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	file := NewStore(dir).ManifestFile(family[4])
	data, err := os.ReadFile(file)
	must(t, err)
	edited := strings.Replace(string(data), "debian", "busybox", 1)
	must(t, os.WriteFile(file, []byte(edited), 0o640))
	_, st, _ := open(t, dir)
	if got := st.Records[family[4]].Spec.(*resource.Container).Image; got != "docker.io/library/busybox:latest" {
		t.Errorf("the edited manifest was not read: image %s", got)
	}
	must(t, os.Remove(file))
	if _, st, _ = open(t, dir); st.Records[family[4]] != nil || len(st.Records) != 4 {
		t.Errorf("the removed manifest still counts: %v", st.Paths())
	}
	must(t, os.WriteFile(file, data, 0o640))
	if _, st, _ = open(t, dir); !reflect.DeepEqual(st.Records[family[4]], record(family[4], 0)) {
		t.Errorf("the manifest put back does not count: %+v", st.Records[family[4]])
	}
}

func TestLostIndex(t *testing.T) {
	tests := map[string]func(data []byte) []byte{
		"truncated":  func(data []byte) []byte { return data[:len(data)/2] },
		"empty":      func([]byte) []byte { return nil },
		"garbage":    func([]byte) []byte { return []byte("\x00\xff{") },
		"an array":   func([]byte) []byte { return []byte("[]") },
		"null":       func([]byte) []byte { return []byte("null") },
		"no version": func([]byte) []byte { return []byte(`{"lineage":"x"}`) },
		"no lineage": func([]byte) []byte { return []byte(`{"format_version":1}`) },
		"wrong type": func([]byte) []byte { return []byte(`{"format_version":1,"lineage":"x","resources":[]}`) },
		"bad path": func([]byte) []byte {
			return []byte(`{"format_version":1,"lineage":"x","resources":{"..":{"record":{"path":"..","spec":{}}}}}`)
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, family...)
			file := filepath.Join(dir, "state.json")
			data, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, damage(data), 0o640))
			s, st, warnings := open(t, dir)
			if !slices.Equal(st.Paths(), family) {
				t.Errorf("paths %v", st.Paths())
			}
			if len(warnings) != 1 || warnings.HasErrors() || warnings[0].Subject.File != file {
				t.Errorf("warnings %v, want one that names %s", warnings, file)
			}
			must(t, s.Put(record("other", 0)))
			must(t, s.Commit())
			if _, st, warnings := open(t, dir); len(warnings) > 0 || len(st.Records) != 6 || st.Serial != 1 {
				t.Errorf("after the next commit: warnings %v, %d records, serial %d", warnings, len(st.Records), st.Serial)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir, family...)
		must(t, os.Remove(filepath.Join(dir, "state.json")))
		if _, st, warnings := open(t, dir); !slices.Equal(st.Paths(), family) || len(warnings) > 0 {
			t.Errorf("paths %v, warnings %v", st.Paths(), warnings)
		}
	})
	t.Run("entries of other paths", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir, family...)
		file := filepath.Join(dir, "state.json")
		data, err := os.ReadFile(file)
		must(t, err)
		swapped := strings.NewReplacer(`"main":{`, `"main/default":{`, `"main/default":{`, `"main":{`).Replace(string(data))
		must(t, os.WriteFile(file, []byte(swapped), 0o640))
		if _, st, _ := open(t, dir); !slices.Equal(st.Paths(), family) || !reflect.DeepEqual(st.Records["main"], record("main", 0)) {
			t.Errorf("the index holds over the tree: %v", dump(st.Records))
		}
	})
}

func TestNewerIndexIsRefused(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "main")
	file := filepath.Join(dir, "state.json")
	must(t, os.WriteFile(file, []byte(`{"format_version":2,"resources":"whatever"}`), 0o640))
	st, err := NewStore(dir).Read()
	if err == nil || st != nil || !strings.Contains(err.Error(), "use a newer kuke") || !strings.Contains(err.Error(), file) {
		t.Errorf("Read = %v, %v", st, err)
	}
}
