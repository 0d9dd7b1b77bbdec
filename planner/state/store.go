package state

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	dirMode  fs.FileMode = 0o750
	fileMode fs.FileMode = 0o640

	indexName     = "state.json"
	lockName      = ".lock"
	containersDir = "containers"
	networkDir    = "network"
	configsDir    = ".configs"
)

// Store is the state on disk. Reading needs no lock; [Store.Put], [Store.Delete] and [Store.Commit] may only
// be called by the holder of the [Lock], and from several goroutines at once.
type Store struct {
	dir string

	mu       sync.Mutex
	index    *index
	projects Projects
	dirty    bool
	// lost holds the resources with unreadable records, until they are recorded again or removed.
	lost map[resource.Path]bool

	// dirs is held while directories are created and removed. wanted holds the resources whose directory is in use even if
	// it is empty: a record or a log is about to be written there.
	dirs   sync.Mutex
	wanted map[resource.Path]bool
}

// NewStore returns the store in dir, which need not exist.
func NewStore(dir string) *Store {
	return &Store{dir: filepath.Clean(dir), wanted: map[resource.Path]bool{}}
}

// ManifestFile returns the name of the file that records the resource at p.
func (s *Store) ManifestFile(p resource.Path) string {
	if p.Kind() == resource.KindContainer {
		return filepath.Join(s.containersDir(p), p.Name()+".yaml")
	}
	dir := string(p)
	if p.IsVolume() {
		dir = filepath.Dir(VolumePlace(p, 1))
	}
	return filepath.Join(s.dir, filepath.FromSlash(dir), p.Kind().Lower()+".yaml")
}

// LogFile returns the name of the file for the output of the container at p.
func (s *Store) LogFile(p resource.Path) string {
	return filepath.Join(s.containersDir(p), p.Name()+".log")
}

// ConfigsDir returns the directory of the configs of a container in containerd: its id survives a rename of the container, as its
// mounts do.
func (s *Store) ConfigsDir(namespace, id string) string {
	return filepath.Join(s.dir, configsDir, namespace, id)
}

// NetworkFile returns the name of a file of the cell (hosts, hostname, resolv.conf) that its containers see in /etc.
func (s *Store) NetworkFile(cell resource.Path, name string) string {
	return filepath.Join(s.dir, filepath.FromSlash(string(cell)), networkDir, name)
}

// MakeNetworkDir creates the directory of [Store.NetworkFile], which is removed with the cell.
func (s *Store) MakeNetworkDir(cell resource.Path) error {
	if err := s.MakeDir(cell); err != nil {
		return err
	}
	if err := makeDirs(filepath.Dir(s.NetworkFile(cell, HostsFile))); err != nil {
		return fmt.Errorf("record %s: %w", cell, err)
	}
	return nil
}

// Record returns the current record of the resource at p, or nil.
func (s *Store) Record(p resource.Path) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index == nil {
		return nil
	}
	return s.index.Resources[string(p)].Record
}

// Records returns the current records.
func (s *Store) Records() map[resource.Path]*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make(map[resource.Path]*Record, len(s.index.Resources))
	for p, entry := range s.index.Resources {
		records[resource.Path(p)] = entry.Record
	}
	return records
}

func (s *Store) containersDir(container resource.Path) string {
	return filepath.Join(s.dir, filepath.FromSlash(string(container.Parent())), containersDir)
}

// Read returns the state. The tree is authoritative; the index only saves reading unchanged files. Files that can't be read
// count as missing, and are in [State.Unreadable].
func (s *Store) Read() (*State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	walk := treeWalk{store: s, found: map[string]indexEntry{}}
	ix, err := readIndex(s.IndexFile())
	broken := errors.Is(err, errBrokenIndex)
	if broken {
		walk.fail("", s.IndexFile(), err)
	} else if err != nil {
		return nil, err
	}
	walk.old = ix.Resources
	if err := errors.Join(walk.dir("", s.dir), walk.denied); err != nil {
		return nil, err
	}
	ix.Resources = walk.found
	s.index, s.lost = ix, map[resource.Path]bool{}
	for _, u := range walk.unreadable {
		s.lost[u.Path] = true
	}
	delete(s.lost, "")
	st := &State{Records: make(map[resource.Path]*Record, len(ix.Resources)), Unreadable: walk.unreadable}
	for _, entry := range ix.Resources {
		st.Records[entry.Record.Path] = entry.Record
	}
	lost := ix.Lineage == "" && len(st.Records) > 0
	s.dirty = lost || broken
	if lost {
		// Every reader of the same tree must find the same state.
		ix.Lineage = uuid.NewSHA1(uuid.NameSpaceOID, []byte(st.Fingerprint())).String()
	}
	st.Unreadable = append(st.Unreadable, s.readProjects()...)
	st.Lineage, st.Serial, st.Outputs, st.Projects = ix.Lineage, ix.Serial, ix.Outputs, maps.Clone(s.projects)
	if _, err := s.readKey(); errors.Is(err, errBrokenKey) {
		st.Unreadable = append(st.Unreadable, Unreadable{File: s.keyFile(), Err: err})
	}
	return st, nil
}

// IndexFile returns the name of the index: a command that changes records replaces it at its end.
func (s *Store) IndexFile() string { return filepath.Join(s.dir, indexName) }

// treeWalk reads the manifests of a tree.
type treeWalk struct {
	store      *Store
	old        map[string]indexEntry
	found      map[string]indexEntry
	unreadable []Unreadable
	// denied is the error of a file that only other users can read.
	denied error
}

func (w *treeWalk) fail(p resource.Path, file string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		w.denied = fmt.Errorf("read the state: %w", err)
		return
	}
	w.unreadable = append(w.unreadable, Unreadable{Path: p, File: file, Err: err})
}

// list returns the entries of a directory of the resource at p, or of the whole tree for the empty path.
func (w *treeWalk) list(p resource.Path, dir string) ([]fs.DirEntry, error) {
	entries, err := readDir(dir)
	if err == nil || p == "" || errors.Is(err, fs.ErrPermission) {
		return entries, err
	}
	w.unreadable = append(w.unreadable, Unreadable{Path: p, File: dir, Err: err, listing: isDir(dir)})
	return nil, nil
}

func isDir(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// dir reads the directory of the resource at p, or the whole tree for the empty path.
func (w *treeWalk) dir(p resource.Path, dir string) error {
	if p != "" {
		w.manifest(p)
		if p.Kind() == resource.KindCell {
			return w.containers(p, filepath.Join(dir, containersDir))
		}
	}
	entries, err := w.list(p, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() == volumesDir && resource.KindVolume.BelongsIn(p) {
			if err := w.volumes(p, filepath.Join(dir, volumesDir)); err != nil {
				return err
			}
		}
		if e.IsDir() && resource.CheckName(e.Name()) == nil {
			if err := w.dir(p.Join(e.Name()), filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *treeWalk) containers(cell resource.Path, dir string) error {
	entries, err := w.list(cell, dir)
	seen := ""
	for _, e := range entries { // in the order of their names
		name, isManifest := cutSuffix(asideEnd.ReplaceAllString(e.Name(), ""), ".yaml")
		if isManifest && name != seen && resource.CheckName(name) == nil {
			w.manifest(cell.Join(name))
			seen = name
		}
	}
	return err
}

func cutSuffix(name, suffix string) (string, bool) {
	if filepath.Ext(name) != suffix {
		return name, false
	}
	return name[:len(name)-len(suffix)], true
}

func readDir(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return entries, nil
}

// manifest reads the record of p, if there is one.
func (w *treeWalk) manifest(p resource.Path) {
	file := w.store.ManifestFile(p)
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if aside := asideOf(file); aside != "" {
			w.unreadable = append(w.unreadable, Unreadable{Path: p, File: file, Aside: aside})
		}
		return
	}
	if err != nil {
		w.fail(p, file, err)
		return
	}
	id := identityOf(info)
	if entry, ok := w.old[string(p)]; ok && entry.Identity == id && entry.Record != nil && entry.Record.Path == p && entry.Record.validate() == nil {
		w.found[string(p)] = entry
		return
	}
	record, err := readManifest(p, file, info)
	if err != nil {
		w.fail(p, file, err)
		return
	}
	w.found[string(p)] = indexEntry{Identity: id, Record: record}
}

func readManifest(p resource.Path, file string, info fs.FileInfo) (*Record, error) {
	data, err := readPlain(file, info)
	if err != nil {
		return nil, err
	}
	record, err := decodeManifest(p, data)
	if err != nil {
		return nil, err
	}
	return record, record.validate()
}

// Put records r. When it returns nil the record outlives a crash of the host.
func (s *Store) Put(r *Record) error {
	data, err := EncodeManifest(r)
	if err != nil {
		return err
	}
	file := s.ManifestFile(r.Path)
	if err := s.MakeDir(r.Path); err != nil {
		return err
	}
	removeTemporary(filepath.Dir(file), filepath.Base(file))
	if err := writeFile(file, data, fileMode); err != nil {
		return fmt.Errorf("record %s: %w", r.Path, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("record %s: %w", r.Path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.Resources[string(r.Path)] = indexEntry{Identity: identityOf(info), Record: r}
	delete(s.lost, r.Path)
	s.dirty = true
	return nil
}

// MakeDir creates the directory for the files of the resource at p. It stays until [Store.Delete] of p.
func (s *Store) MakeDir(p resource.Path) error {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	s.wanted[p] = true
	if err := makeDirs(filepath.Dir(s.ManifestFile(p))); err != nil {
		return fmt.Errorf("record %s: %w", p, err)
	}
	return nil
}

// makeDirs is os.MkdirAll whose result outlives a crash of the host.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// writeFile replaces file in one step that outlives a crash of the host. It refuses a symbolic link, which kuke never makes.
func writeFile(file string, data []byte, mode fs.FileMode) error {
	if err := durable.CheckPlain(file); err != nil {
		return err
	}
	return durable.WriteFile(file, data, mode)
}

// Delete removes the record of p, also one that was set aside, the log of a container, the network files of a cell, and the
// directories that are empty then. The data and the records of volumes stay, also those in p. It returns nil if there was no
// record.
func (s *Store) Delete(p resource.Path) error {
	file := s.ManifestFile(p)
	if p.Kind() == resource.KindContainer {
		for _, log := range s.LogFiles(p) {
			if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the log of %s: %w", p, err)
			}
		}
	}
	if p.Kind() == resource.KindCell {
		if err := removeNetworkFiles(filepath.Join(filepath.Dir(file), networkDir)); err != nil {
			return fmt.Errorf("remove the network files of %s: %w", p, err)
		}
	}
	if err := durable.Remove(file); err != nil {
		return fmt.Errorf("remove the record of %s: %w", p, err)
	}
	removeTemporary(filepath.Dir(file), filepath.Base(file))
	removeAside(filepath.Dir(file), filepath.Base(file))
	if p.Kind() != resource.KindContainer && !p.IsVolume() {
		s.removeUnrecorded(p, filepath.Dir(file))
	}
	s.removeEmptyDirs(p, filepath.Dir(file))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.index.Resources, string(p))
	maps.DeleteFunc(s.lost, func(q resource.Path, _ bool) bool { return p.Contains(q) })
	s.dirty = true
	return nil
}

// removeTemporary removes the temporary files of killed writers for the files in dir that match name.
func removeTemporary(dir, name string) {
	files, _ := filepath.Glob(filepath.Join(dir, "."+name+"[0-9]*"))
	for _, f := range files {
		_ = os.Remove(f)
	}
}

// removeEmptyDirs removes dir, which belongs to p, and its parents below the run path as long as they are empty and nobody
// is about to write there. Temporary files of killed writers are removed too.
func (s *Store) removeEmptyDirs(p resource.Path, dir string) {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	delete(s.wanted, p)
	for dir != s.dir && !s.inUse(dir) {
		removeTemporary(dir, "*.yaml")
		if os.Remove(dir) != nil {
			return
		}
		dir = filepath.Dir(dir)
	}
}

// removeUnrecorded removes the files in dir, which belongs to p, that a failed or interrupted apply created for resources
// without recording them: directories, and the network files and logs of cells; and records that were set aside.
func (s *Store) removeUnrecorded(p resource.Path, dir string) {
	s.dirs.Lock()
	defer s.dirs.Unlock()
	delete(s.wanted, p)
	if s.inUse(dir) {
		return
	}
	const depth = 6 // of realm/space/stack/cell/network/hosts
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), privatePrefix) {
			return filepath.SkipDir // the data of a volume
		}
		if entry.IsDir() {
			dirs = append(dirs, path)
			return nil
		}
		rel, _ := filepath.Rel(s.dir, path)
		parts := strings.Split(rel, string(filepath.Separator))
		if asideEnd.MatchString(path) && !strings.HasPrefix(entry.Name(), resource.KindVolume.Lower()+".yaml") || len(parts) == depth && (parts[4] == networkDir && isNetworkFile(parts[5]) || parts[4] == containersDir && isLogFile(parts[5])) {
			_ = os.Remove(path)
		}
		return nil
	})
	for _, d := range slices.Backward(dirs) {
		removeTemporary(d, "*.yaml")
		_ = os.Remove(d) // unless it holds other files
	}
}

// inUse reports whether the directory of a wanted resource is dir or below dir.
func (s *Store) inUse(dir string) bool {
	for p := range s.wanted {
		if d := filepath.Dir(s.ManifestFile(p)); d == dir || strings.HasPrefix(d, dir+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// Commit writes the index under the next serial if a record changed since [Store.Read]. Without records it removes the
// index, and the durations.
func (s *Store) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.forgetProjects(); err != nil {
		return err
	}
	if len(s.index.Resources) == 0 {
		removeAside(s.dir, indexName)
		removeAside(s.dir, keyName)
		removeAside(s.dir, projectsDir)
		_ = s.removeDurations() // nothing depends on it
	}
	return s.writeIndex()
}
