package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// A file of the state that is a symbolic link is refused: neither read nor written through.
func TestSymlinksAreRefused(t *testing.T) {
	seal := func(s *Store) error { return s.SaveKey(make(resource.SealKey, resource.SealKeySize)) }
	commit := func(s *Store) error {
		s.dirty = true
		return s.Commit()
	}
	put := func(s *Store) error { return s.Put(record("main", 0)) }
	read := func(s *Store) error {
		_, st, _ := open(t, s.dir)
		if len(st.Unreadable) != 1 {
			return fmt.Errorf("unreadable: %v", st.Unreadable)
		}
		return st.Unreadable[0].Err
	}
	lock := func(s *Store) error {
		l, err := Acquire(t.Context(), s.dir, time.Minute)
		if err == nil {
			return errors.Join(errors.New("locked"), l.Release())
		}
		return err
	}
	for _, tt := range []struct {
		name string
		use  []func(*Store) error
	}{
		{lockName, []func(*Store) error{lock}},
		{keyName, []func(*Store) error{read, seal}},
		{indexName, []func(*Store) error{read, commit}},
		{"main/realm.yaml", []func(*Store) error{read, put}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, "main")
			s, _, _ := open(t, dir)
			file, target := filepath.Join(dir, tt.name), filepath.Join(t.TempDir(), "target")
			_ = os.Remove(file)
			for _, there := range []bool{false, true} {
				must(t, os.Symlink(target, file))
				if there {
					must(t, os.WriteFile(target, []byte("kept"), 0o600))
				}
				for i, use := range tt.use {
					if err := use(s); !errors.Is(err, durable.ErrSymlink) {
						t.Errorf("use %d, the target is there: %v: %v", i, there, err)
					}
				}
				if data, err := os.ReadFile(target); there && (err != nil || string(data) != "kept") || !there && err == nil {
					t.Errorf("the target holds %q, %v", data, err)
				}
				must(t, os.Remove(file))
			}
		})
	}
}
