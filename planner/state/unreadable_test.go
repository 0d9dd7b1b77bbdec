package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

// damages are the ways in which a file can be damaged.
var damages = map[string]func(t *testing.T, file string, content []byte){
	"empty":     func(t *testing.T, file string, _ []byte) { must(t, os.Truncate(file, 0)) },
	"truncated": func(t *testing.T, file string, c []byte) { must(t, os.Truncate(file, int64(len(c)/2))) },
	"no status": func(t *testing.T, file string, c []byte) {
		rewriteFile(t, file, c[:strings.Index(string(c), "status:")])
	},
	"zero bytes": func(t *testing.T, file string, c []byte) { rewriteFile(t, file, make([]byte, len(c))) },
	"no YAML":    func(t *testing.T, file string, _ []byte) { rewriteFile(t, file, []byte("a: [")) },
	"another resource": func(t *testing.T, file string, _ []byte) {
		rewriteFile(t, file, []byte("apiVersion: v1beta1\nkind: Realm\nspec: {id: x}\n"))
	},
	"directory": func(t *testing.T, file string, _ []byte) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o750)) },
	"pipe":      func(t *testing.T, file string, _ []byte) { must(t, os.Remove(file)); must(t, unix.Mkfifo(file, 0o640)) },
	"link": func(t *testing.T, file string, _ []byte) {
		must(t, os.Remove(file))
		must(t, os.Symlink("/dev/zero", file))
	},
}

func rewriteFile(t *testing.T, file string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(file, content, 0o640))
}

// A record that can't be read counts as missing, all others stay, and the file is found under another name that never
// takes that of a file which is there. Once the resource is gone, so is the file.
func TestEveryRecordEveryDamage(t *testing.T) {
	now := time.Date(2026, 11, 30, 18, 15, 0, 0, time.UTC)
	for _, p := range family {
		for name, damage := range damages {
			t.Run(p.Kind().Lower()+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				fill(t, dir, family...)
				s := NewStore(dir)
				file := s.ManifestFile(p)
				content, err := os.ReadFile(file)
				must(t, err)
				damage(t, file, content)
				before := files(t, dir)

				s, st, warnings := open(t, dir)
				want := slices.DeleteFunc(slices.Clone(family), func(q resource.Path) bool { return q == p })
				if !slices.Equal(st.Paths(), want) || len(warnings) != 1 || warnings[0].Subject.File != file {
					t.Fatalf("read %v, warnings %v", st.Paths(), warnings)
				}
				if after := files(t, dir); !slices.Equal(before, after) {
					t.Errorf("reading has changed the disk: %v", after)
				}
				taken := file + ".unreadable-20261130T181500Z"
				rewriteFile(t, taken, []byte("an earlier one"))
				must(t, s.Repair(st, now))
				if aside := st.Unreadable[0].Aside; aside != taken+"-2" || !strings.Contains(st.Warnings().Error(), aside) {
					t.Errorf("set aside as %q, warnings %v", aside, st.Warnings())
				}
				if _, st, _ := open(t, dir); !slices.Equal(st.Paths(), want) || len(st.Unreadable) != 1 || st.Unreadable[0].Path != p || !strings.HasPrefix(st.Unreadable[0].Aside, taken) {
					t.Errorf("read %v, still lost: %v", st.Paths(), st.Unreadable)
				}
				if data, err := os.ReadFile(taken); err != nil || string(data) != "an earlier one" {
					t.Errorf("the earlier one holds %q, %v", data, err)
				}
				must(t, s.Put(record(p, 0)))
				must(t, s.Commit())
				s, st, warnings = open(t, dir)
				if !slices.Equal(st.Paths(), family) || len(warnings) > 0 {
					t.Errorf("read again %v, warnings %v", st.Paths(), warnings)
				}
				for _, q := range slices.Backward(family) {
					must(t, s.Delete(q))
				}
				must(t, s.Commit())
				if left := files(t, dir); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}

// With all of them unreadable, resources without a record are removed with the resource above them.
func TestAsideGoesWithParent(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	for _, p := range family[1:] {
		must(t, os.Truncate(NewStore(dir).ManifestFile(p), 0))
	}
	s, st, _ := open(t, dir)
	must(t, s.Repair(st, time.Now()))
	must(t, s.Delete("main"))
	must(t, s.Commit())
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A project whose records are all unreadable is remembered until they are recorded again or destroyed.
func TestUnreadableProjectIsRemembered(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "main")
	s, _, _ := open(t, dir)
	must(t, s.Applied("p0", NewApplication("/a"), false))
	must(t, os.Truncate(s.ManifestFile("main"), 0))
	for range 2 {
		s, st, _ := open(t, dir)
		must(t, s.Repair(st, time.Now()))
		must(t, s.Commit())
	}
	s, st, _ := open(t, dir)
	if got := st.Projects["p0"]; len(got) != 1 || got[0].Directory != "/a" {
		t.Errorf("p0 was applied from %v", got)
	}
	must(t, s.Put(record("main", 0)))
	must(t, s.Delete("main"))
	must(t, s.Commit())
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Unreadable records of projects block nothing either, and are written again.
func TestProjectsCantBeRead(t *testing.T) {
	for name, damage := range damages {
		if name == "no status" {
			continue // it has none
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, "main")
			s, _, _ := open(t, dir)
			must(t, s.Applied("p0", NewApplication("/a"), false))
			file := s.projectFile("p0")
			content, err := os.ReadFile(file)
			must(t, err)
			damage(t, file, content)
			s, st, warnings := open(t, dir)
			if len(warnings) != 1 || warnings[0].Subject.File != file || !strings.Contains(warnings.Error(), "The directory from which project p0 was applied is no longer known") {
				t.Errorf("warnings %v", warnings)
			}
			must(t, s.Repair(st, time.Now()))
			must(t, s.Applied("p0", NewApplication("/b"), false))
			if got := applied(t, dir, "p0"); !slices.Equal(got, []string{"/b"}) {
				t.Errorf("applied from %q", got)
			}
			must(t, s.Delete("main"))
			must(t, s.Commit())
			if left := files(t, dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	dir := t.TempDir()
	fill(t, dir, "main")
	rewriteFile(t, filepath.Join(dir, projectsDir), []byte("x"))
	s, st, _ := open(t, dir)
	must(t, s.Repair(st, time.Now()))
	must(t, s.Applied("p0", NewApplication("/a"), false))
	must(t, s.Delete("main"))
	must(t, s.Commit())
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A file that only root may read is not damaged: there is no warning, and a user who may not read the records gets an error.
func TestPermissionIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "main")
	s, _, _ := open(t, dir)
	must(t, s.SaveKey(make(resource.SealKey, resource.SealKeySize)))
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "main"), 0o755))
	for _, name := range []string{s.ManifestFile("main"), s.IndexFile()} {
		must(t, os.Chmod(name, 0o644))
	}
	const nobody = 65534
	as := func(read func()) {
		t.Helper()
		done := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // it ends with the goroutine
			_, _, failed := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0))
			if failed != 0 {
				done <- failed
				return
			}
			read()
			done <- nil
		}()
		if err := <-done; err != nil {
			t.Skipf("becoming another user takes root: %v", err)
		}
	}
	as(func() {
		if st, err := NewStore(dir).Read(); err != nil || len(st.Unreadable) > 0 || len(st.Records) != 1 {
			t.Errorf("without the key: %v, %v", st, err)
		}
	})
	must(t, os.Chtimes(s.ManifestFile("main"), time.Time{}, time.Unix(1, 0))) // else the index saves reading it
	for _, name := range []string{s.ManifestFile("main"), s.IndexFile()} {
		must(t, os.Chmod(name, 0o600))
		as(func() {
			if st, err := NewStore(dir).Read(); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("without %s: %v, %v", name, st, err)
			}
		})
		must(t, os.Chmod(name, 0o644))
	}
}

// A file in the place of a directory of containers' records hides those, and nothing else.
func TestContainersIsNoDirectory(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	containers := filepath.Dir(NewStore(dir).ManifestFile(family[4]))
	must(t, os.RemoveAll(containers))
	rewriteFile(t, containers, []byte("x"))
	s, st, _ := open(t, dir)
	if len(st.Records) != 4 || len(st.Unreadable) != 1 || st.Unreadable[0].Path != family[3] {
		t.Fatalf("%d records, unreadable %v", len(st.Records), st.Unreadable)
	}
	must(t, s.Repair(st, time.Now()))
	must(t, s.Put(record(family[4], 0)))
	if _, st, warnings := open(t, dir); len(st.Records) != 5 || len(warnings) > 0 {
		t.Errorf("%d records, warnings %v", len(st.Records), warnings)
	}
}

// A lost index is built again by whoever reads: each time as the same, and as the one that is written once the lock is
// held.
func TestIndexIsRebuiltAtOnce(t *testing.T) {
	for name, damage := range damages {
		if name == "no status" {
			continue // it has none
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, family...)
			file := filepath.Join(dir, indexName)
			content, err := os.ReadFile(file)
			must(t, err)
			damage(t, file, content)
			s, st, warnings := open(t, dir)
			_, again, _ := open(t, dir)
			if st.Lineage == "" || st.Lineage != again.Lineage || len(st.Records) != 5 || len(warnings) != 1 {
				t.Errorf("lineages %q and %q, %d records, warnings %v", st.Lineage, again.Lineage, len(st.Records), warnings)
			}
			must(t, s.Repair(st, time.Now()))
			if _, now, warnings := open(t, dir); now.Lineage != st.Lineage || len(warnings) > 0 {
				t.Errorf("lineage %q, not %q, warnings %v", now.Lineage, st.Lineage, warnings)
			}
		})
	}
}

// A file with any content never keeps others from being read, and its record is complete.
func TestAnyManifestIsReadOrNot(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, family...)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(family).Draw(t, "path")
		file := NewStore(dir).ManifestFile(p)
		content, err := EncodeManifest(record(p, 0))
		must(t, err)
		lines := strings.SplitAfter(string(content), "\n")
		at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		lines[at] = rapid.OneOf(rapid.Just(""), rapid.Just(lines[at]+lines[at]), awkward()).Draw(t, "text")
		must(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o640))
		_, st, _ := open(t, dir)
		if r := st.Records[p]; (r == nil) != (len(st.Unreadable) == 1) || len(st.Records)+len(st.Unreadable) != len(family) || r != nil && r.validate() != nil {
			t.Fatalf("%d records, unreadable %v", len(st.Records), st.Unreadable)
		}
		must(t, os.WriteFile(file, content, 0o640))
		if _, st, _ := open(t, dir); !reflect.DeepEqual(st.Records[p], record(p, 0)) {
			t.Fatalf("put back, it is %+v", st.Records[p])
		}
	})
}
