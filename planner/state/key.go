package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	keyName             = ".key"
	keyMode fs.FileMode = 0o600
)

// Key returns the key that the state's values are sealed with, nil where it has none yet.
func (s *Store) Key() (realm.SealKey, error) {
	file := filepath.Join(s.dir, keyName)
	key, err := durable.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && len(key) != realm.SealKeySize {
		err = fmt.Errorf("%s has %d bytes, not %d: put back the file as it was, or remove it: containers with sensitive values are then replaced once", file, len(key), realm.SealKeySize)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the state: %w", err)
	}
	return key, nil
}

// SaveKey gives the state its key. Only the holder of the [Lock] may call it. It goes with the last record.
func (s *Store) SaveKey(key realm.SealKey) error {
	file := filepath.Join(s.dir, keyName)
	err := makeDirs(s.dir)
	if err == nil {
		removeTemporary(s.dir, keyName)
		err = writeFile(file, key, keyMode)
	}
	if err != nil {
		return fmt.Errorf("write the key of the state: %w", err)
	}
	return nil
}
