package logs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNoteExit(t *testing.T) {
	ended := Exit{Code: 7, At: time.Unix(1, 2).UTC()}
	for _, test := range []struct {
		name   string
		init   string
		before func(log string) error
		wait   error
		noted  bool
	}{
		{name: "a task that ends", noted: true},
		{name: "one whose end nobody tells", wait: errors.New("the shim is gone")},
		{name: "one of a host that is shut down", init: "systemd-shutdow\n"},
		{name: "one that is stopped", before: DisregardExit},
		{name: "one that was started after another was stopped", noted: true, before: func(log string) error {
			return errors.Join(DisregardExit(log), ForgetExit(log))
		}},
		{name: "one whose log has been renamed", before: func(log string) error { return os.Rename(log, log+".new") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "a.log")
			noter := newExitNoter(func() string { return log })
			noter.initFile = filepath.Join(t.TempDir(), "comm")
			if err := errors.Join(os.WriteFile(log, nil, 0o600), os.WriteFile(noter.initFile, []byte(test.init), 0o600)); err != nil {
				t.Fatal(err)
			}
			if test.before != nil {
				if err := test.before(log); err != nil {
					t.Fatal(err)
				}
			}
			noter.note(func() (Exit, error) { return ended, test.wait })
			got, err := ReadExit(log)
			if err != nil || (got != nil) != test.noted || got != nil && *got != ended {
				t.Errorf("noted %v, %v", got, err)
			}
			if !test.noted {
				return
			}
			if err := DisregardExit(log); err != nil {
				t.Fatal(err)
			}
			if again, err := ReadExit(log); err != nil || *again != ended {
				t.Errorf("stopped when it had ended: %v, %v", again, err)
			}
			if err := ForgetExit(log); err != nil {
				t.Fatal(err)
			}
			if left, err := ReadExit(log); err != nil || left != nil {
				t.Errorf("forgotten: %v, %v", left, err)
			}
		})
	}
}

func TestBrokenExit(t *testing.T) {
	log := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(exitFile(log), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, err := ReadExit(log); err != nil || exit != nil {
		t.Errorf("read %v, %v", exit, err)
	}
}
