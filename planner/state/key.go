package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kukeon/kuke/config/resource"
)

const (
	keyName             = ".key"
	keyMode fs.FileMode = 0o600
)

// Key returns the key that the state's values are sealed with, nil where there is none yet, or where it can't be read,
// which [State.Unreadable] tells.
func (s *Store) Key() (resource.SealKey, error) {
	key, err := s.readKey()
	if errors.Is(err, errBrokenKey) {
		return nil, nil
	}
	return key, err
}

func (s *Store) keyFile() string { return filepath.Join(s.dir, keyName) }

// errBrokenKey marks a key that is lost: containers with sensitive values are replaced once.
var errBrokenKey = errors.New("it is no valid key for the sensitive values of the state")

func (s *Store) readKey() (resource.SealKey, error) {
	info, err := os.Lstat(s.keyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the state: %w", err)
	}
	key, err := readPlain(s.keyFile(), info)
	if err == nil && len(key) != resource.SealKeySize {
		err = fmt.Errorf("it has %d bytes, not %d", len(key), resource.SealKeySize)
	}
	switch {
	case errors.Is(err, fs.ErrPermission): // only root may read it
		return nil, fmt.Errorf("read the key of the state: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errBrokenKey, err)
	}
	return key, nil
}

// SaveKey gives the state its key, which is removed with the last record. Only the holder of the [Lock] may call it.
func (s *Store) SaveKey(key resource.SealKey) error {
	err := makeDirs(s.dir)
	if err == nil {
		removeTemporary(s.dir, keyName)
		err = writeFile(s.keyFile(), key, keyMode)
	}
	if err != nil {
		return fmt.Errorf("write the key of the state: %w", err)
	}
	return nil
}
