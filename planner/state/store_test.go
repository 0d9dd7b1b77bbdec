package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

var family = []resource.Path{"main", "main/default", "main/default/blog", "main/default/blog/web", "main/default/blog/web/nginx"}

// open returns the store in dir after a read, with the state.
func open(t rapid.TB, dir string) (*Store, *State, resource.Diagnostics) {
	t.Helper()
	s := NewStore(dir)
	st, err := s.Read()
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return s, st, st.Warnings()
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill puts records of paths into the store in dir and commits them.
func fill(t rapid.TB, dir string, paths ...resource.Path) {
	t.Helper()
	s, _, _ := open(t, dir)
	for _, p := range paths {
		must(t, s.Put(record(p, 0)))
	}
	must(t, s.Commit())
}

// files returns the files and directories below dir with their modes.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		all = append(all, fmt.Sprintf("%v %s", info.Mode(), rel))
		return err
	}))
	slices.Sort(all)
	return all
}

func TestPathsAndModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "opt", "kukeon")
	fill(t, dir, family...)
	want := []string{
		"-rw-r----- main/default/blog/web/cell.yaml",
		"-rw-r----- main/default/blog/web/containers/nginx.yaml",
		"-rw-r----- main/default/blog/stack.yaml",
		"-rw-r----- main/default/space.yaml",
		"-rw-r----- main/realm.yaml",
		"-rw-r----- state.json",
		"drwxr-x--- main",
		"drwxr-x--- main/default",
		"drwxr-x--- main/default/blog",
		"drwxr-x--- main/default/blog/web",
		"drwxr-x--- main/default/blog/web/containers",
	}
	slices.Sort(want)
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("files:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDeleteTakesEverythingAway(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	s, _, _ := open(t, dir)
	must(t, os.WriteFile(s.LogFile(family[4]), []byte("hello\n"), 0o640))
	// The temporary file of a killed writer must not keep a directory.
	must(t, os.WriteFile(filepath.Join(dir, "main/default/.space.yaml123456"), nil, 0o600))
	for _, p := range slices.Backward(family) {
		must(t, s.Delete(p))
		if _, err := os.Stat(s.ManifestFile(p)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("manifest of %s: %v", p, err)
		}
	}
	must(t, s.Delete("main")) // again: nothing to do
	must(t, s.Commit())
	if got := files(t, dir); len(got) > 0 {
		t.Errorf("left over: %v", got)
	}
}

// Files of others beside kuke's stay, with their directory.
func TestDeleteKeepsForeignFiles(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		dir := t.TempDir()
		fill(t, dir, family...)
		s, _, _ := open(t, dir)
		cell := filepath.Join(dir, "main/default/blog/web")
		own := []string{"containers/nginx.log", "containers/nginx.log.1", "network/hosts", "network/.hosts", "network/.resolv.conf123", "network/hostname"}
		foreign := []string{"containers/nginx.log.saved", "containers/nginx.log.1.gz", "network/hosts.saved", "network/ipam.json", "notes.txt"}
		for _, name := range append(slices.Clone(own), foreign...) {
			file := filepath.Join(cell, name)
			must(t, os.MkdirAll(filepath.Dir(file), 0o750))
			must(t, os.WriteFile(file, []byte("x"), 0o640))
		}
		from := 0
		if !recorded {
			// As if the stack were all that was recorded before the command was killed.
			from = 2
			for _, p := range family[3:] {
				must(t, os.Remove(s.ManifestFile(p)))
			}
			must(t, s.Delete(family[2]))
		}
		for _, p := range slices.Backward(family[from:]) {
			must(t, s.Delete(p))
		}
		var left []string
		for _, name := range append(own, foreign...) {
			if _, err := os.Stat(filepath.Join(cell, name)); err == nil {
				left = append(left, name)
			}
		}
		if !slices.Equal(left, foreign) {
			t.Errorf("recorded %t: left %q, want %q", recorded, left, foreign)
		}
	}
}

func TestDeleteKeepsWhatOthersUse(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, append([]resource.Path{"main/default/blog/db", "main/default/blog/web/side"}, family...)...)
	s, _, _ := open(t, dir)
	must(t, s.Delete(family[4]))
	must(t, s.Delete("main/default/blog/db"))
	must(t, s.Commit())
	_, st, _ := open(t, dir)
	if want := []resource.Path{"main", "main/default", "main/default/blog", "main/default/blog/web", "main/default/blog/web/side"}; !slices.Equal(st.Paths(), want) {
		t.Errorf("left: %v, want %v", st.Paths(), want)
	}
}

// Whatever is put and deleted, in memory, in the index and in the tree are the same; also without a Commit.
func TestRoundTrip(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		must(t, err)
		want := map[resource.Path]*Record{}
		for range rapid.IntRange(1, 2).Draw(t, "commands") {
			s, _, warnings := open(t, dir)
			if len(warnings) > 0 {
				t.Fatalf("warnings: %v", warnings)
			}
			for _, r := range rapid.SliceOfN(randomRecord(), 0, 3).Draw(t, "records") {
				if rapid.Bool().Draw(t, "delete") {
					must(t, s.Delete(r.Path))
					delete(want, r.Path)
				} else {
					must(t, s.Put(r))
					want[r.Path] = r
				}
			}
			if rapid.Bool().Draw(t, "commit") {
				must(t, s.Commit())
			}
			_, st, _ := open(t, dir)
			if !reflect.DeepEqual(st.Records, want) {
				t.Fatalf("read %v, want %v", dump(st.Records), dump(want))
			}
			if fresh := (&State{Records: want}).Fingerprint(); st.Fingerprint() != fresh {
				t.Fatal("the fingerprint changes when the records are read again")
			}
		}
	})
}

func dump(records map[resource.Path]*Record) string {
	data, err := json.MarshalIndent(records, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestSerialAndLineage(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "main")
	_, first, _ := open(t, dir)
	if first.Serial != 1 || len(first.Lineage) != 36 {
		t.Errorf("serial %d, lineage %q", first.Serial, first.Lineage)
	}
	s, _, _ := open(t, dir)
	must(t, s.Commit()) // nothing was recorded
	_, same, _ := open(t, dir)
	fill(t, dir, "main/default")
	_, second, _ := open(t, dir)
	if same.Serial != 1 || second.Serial != 2 || second.Lineage != first.Lineage {
		t.Errorf("serials %d and %d, lineages %q and %q", same.Serial, second.Serial, first.Lineage, second.Lineage)
	}
}

func TestEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	s, st, warnings := open(t, dir)
	if len(st.Records) != 0 || st.Serial != 0 || st.Lineage != "" || len(warnings) != 0 {
		t.Errorf("state %+v, warnings %v", st, warnings)
	}
	must(t, s.Commit())
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
}

func TestPutInParallel(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family[:4]...)
	s, _, _ := open(t, dir)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			p := family[3].Join(fmt.Sprint("c", i))
			if err := s.Put(record(p, i)); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := s.Delete(p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, s.Commit())
	if _, st, _ := open(t, dir); len(st.Records) != 14 {
		t.Errorf("%d records: %v", len(st.Records), st.Paths())
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	for _, name := range []string{"README", "lost+found/x", "main/notes.txt", "main/default/blog/web/containers/nginx.log", "main/default/blog/web/containers/Bad.yaml", "main/UPPER/space.yaml", "main/default/.space.yaml42"} {
		file := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o750))
		must(t, os.WriteFile(file, []byte("x"), 0o640))
	}
	if _, st, warnings := open(t, dir); !slices.Equal(st.Paths(), family) || len(warnings) > 0 {
		t.Errorf("paths %v, warnings %v", st.Paths(), warnings)
	}
}

func TestFingerprint(t *testing.T) {
	fingerprint := func(lineage string, records ...*Record) string {
		st := &State{Lineage: lineage, Serial: uint64(len(lineage)), Records: map[resource.Path]*Record{}}
		for _, r := range records {
			st.Records[r.Path] = r
		}
		return st.Fingerprint()
	}
	a, b := record("a", 0), record("b", 0)
	if fingerprint("x", a, b) != fingerprint("other", b, a) {
		t.Error("it depends on the order, the lineage or the serial")
	}
	seen := map[string]string{}
	for name, f := range map[string]string{
		"nothing": fingerprint(""), "a": fingerprint("", a), "a and b": fingerprint("", a, b), "other status": fingerprint("", record("a", 1)),
		"other spec": fingerprint("", &Record{Path: "a", Spec: &resource.Realm{Namespace: "n"}, Status: a.Status}),
	} {
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[f] = name
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := randomRecord().Draw(t, "x"), randomRecord().Draw(t, "y")
		if same := fingerprint("", x) == fingerprint("", y); same != reflect.DeepEqual(x, y) {
			t.Fatalf("same fingerprint: %v for %v and %v", same, x, y)
		}
	})
}

// The temporary file of a killed writer is removed with the next record of the same resource, and with its removal; a
// writer at work on another one is left alone.
func TestTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(dir)
	if _, err := s.Read(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "main", ".realm.yaml123")
	other := filepath.Join(dir, "main", ".other.yaml123")
	write := func() {
		for _, f := range []string{left, other} {
			if err := os.MkdirAll(filepath.Dir(f), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write()
	if err := s.Put(&Record{Path: "main", Spec: &resource.Realm{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Errorf("%s outlived a record", left)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	write()
	if err := s.Delete("main"); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}
