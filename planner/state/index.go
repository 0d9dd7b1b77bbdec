package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/google/uuid"
)

// FormatVersion is the version of state.json that this package writes, and the newest it reads.
const FormatVersion = 1

// index is state.json.
type index struct {
	FormatVersion int                   `json:"format_version"`
	Lineage       string                `json:"lineage"`
	Serial        uint64                `json:"serial"`
	Outputs       Outputs               `json:"outputs"`
	Resources     map[string]indexEntry `json:"resources"`
}

// indexEntry caches the record in a manifest file; it holds as long as the file's identity is the same.
type indexEntry struct {
	Identity identity `json:"identity"`
	Record   *Record  `json:"record"`
}

// identity tells whether a file has been replaced since it was read.
type identity struct {
	Inode   uint64 `json:"inode"`
	Size    int64  `json:"size"`
	MtimeNs int64  `json:"mtime_ns"`
}

func identityOf(info fs.FileInfo) identity {
	id := identity{Size: info.Size(), MtimeNs: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Inode = st.Ino
	}
	return id
}

// errBrokenIndex marks an index that can't be read and is rebuilt from the tree.
var errBrokenIndex = errors.New("it can't be used")

// readIndex returns an empty index when there is no file, and an empty index with errBrokenIndex (wrapped) when the file
// is invalid. A file of a newer format is an error without an index.
func readIndex(file string) (*index, error) {
	empty := &index{FormatVersion: FormatVersion, Resources: map[string]indexEntry{}}
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	var data []byte
	if err == nil {
		data, err = readPlain(file, info)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if err != nil {
		return empty, fmt.Errorf("%w: %w", errBrokenIndex, err)
	}
	var header struct {
		FormatVersion int `json:"format_version"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return empty, fmt.Errorf("%w: %w", errBrokenIndex, err)
	}
	if header.FormatVersion > FormatVersion {
		return nil, fmt.Errorf("read the state: %s has format version %d, this kuke reads up to %d: use a newer kuke", file, header.FormatVersion, FormatVersion)
	}
	ix := new(index)
	if err := json.Unmarshal(data, ix); err != nil || ix.FormatVersion < 1 || ix.Lineage == "" {
		return empty, fmt.Errorf("%w: %w", errBrokenIndex, errors.Join(err, errors.New("it has no format version or no lineage")))
	}
	if ix.Resources == nil {
		ix.Resources = map[string]indexEntry{}
	}
	return ix, nil
}

// writeIndex is [Store.Commit] without forgetting projects. The caller holds s.mu.
func (s *Store) writeIndex() error {
	if !s.dirty {
		return nil
	}
	file := s.IndexFile()
	removeTemporary(s.dir, indexName)
	if len(s.index.Resources) == 0 && len(s.index.Outputs) == 0 {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the state index: %w", err)
		}
		s.dirty = false
		return nil
	}
	if s.index.Lineage == "" {
		s.index.Lineage = uuid.NewString()
	}
	s.index.Serial++
	data, err := json.Marshal(s.index)
	if err != nil {
		return fmt.Errorf("write the state index: %w", err)
	}
	if err := writeFile(file, append(data, '\n'), fileMode); err != nil {
		return fmt.Errorf("write the state index: %w", err)
	}
	s.dirty = false
	return nil
}
