package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// Settings say how a log is written. A file beside the log holds them, so that a running writer learns of changes; without it,
// the defaults hold.
type Settings struct {
	// Driver is [resource.LogLocal], [resource.LogJournald] or [resource.LogNone].
	Driver string `json:"driver"`
	// MaxSize is the maximum size of a file in bytes, MaxFiles the maximum number of files.
	MaxSize  int64 `json:"max_size"`
	MaxFiles int   `json:"max_files"`
	// Terminal says that the process has a terminal, which ends lines with a carriage return.
	Terminal bool `json:"terminal,omitempty"`
	// Name is the name of the container in the journal.
	Name string `json:"name,omitempty"`
}

// defaults are the settings of a log without any.
var defaults = Settings{Driver: resource.LogLocal, MaxSize: resource.DefaultLogSize, MaxFiles: resource.DefaultLogFiles}

// SettingsOf returns the settings of the log of a container.
func SettingsOf(p resource.Path, c *resource.Container) Settings {
	s := defaults
	s.Driver, s.Terminal = c.LogDriver(), c.TTY
	if s.Driver == resource.LogJournald {
		s.Name = string(p)
	}
	if c.Logging != nil && c.Logging.MaxSize > 0 {
		s.MaxSize = c.Logging.MaxSize
	}
	if c.Logging != nil && c.Logging.MaxFiles > 0 {
		s.MaxFiles = int(c.Logging.MaxFiles)
	}
	return s
}

// settingsFile returns the name of the file beside a log that holds its settings.
func settingsFile(log string) string { return log + ".settings" }

// WriteSettings sets the settings of the log. A running writer follows them within a second.
func WriteSettings(log string, s Settings) error {
	if err := writeSettings(settingsFile(log), s); err != nil {
		return fmt.Errorf("write the settings of a log: %w", err)
	}
	return nil
}

func writeSettings(file string, s Settings) error {
	if s == defaults {
		return durable.Remove(file)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := durable.CheckPlain(file); err != nil {
		return err
	}
	return durable.WriteFile(file, data, fileMode)
}

// settingsInterval is the interval at which a writer looks for changed settings.
const settingsInterval = time.Second

// learn reads the settings, unless it has just done so. Those that can't be read stay as they are.
func (w *writer) learn(now time.Time) {
	if now.Sub(w.learnt) < settingsInterval {
		return
	}
	w.learnt = now
	if w.f != nil {
		w.follow()
	}
	data, err := os.ReadFile(settingsFile(w.file))
	if errors.Is(err, fs.ErrNotExist) {
		w.Settings = defaults
		return
	}
	s := defaults
	if err == nil && json.Unmarshal(data, &s) == nil {
		w.Settings = s
	}
}
