package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// ErrInterrupted ends a use case that was interrupted before the host was changed.
var ErrInterrupted = errors.New("interrupted: nothing was changed")

// ErrIncomplete ends a use case that has not carried out the whole plan. [Progress.End] has told which steps and why.
var ErrIncomplete = errors.New("not all steps of the plan were carried out")

// Options are the settings that all use cases share.
type Options struct {
	// RunPath is the directory of the state, an absolute path.
	RunPath string
	// Containerd is the address of containerd's socket.
	Containerd string
	// CgroupRoot is the directory where the cgroup file systems are mounted.
	CgroupRoot string
	// CNIConfDir is the directory for the CNI configuration of spaces; CNIBinDirs are the directories with CNI plugins.
	CNIConfDir string
	CNIBinDirs []string
	// ConnectTimeout, CallTimeout and StallTimeout are those of [executor.Config].
	ConnectTimeout, CallTimeout, StallTimeout time.Duration
	// SubnetPool is the subnet that spaces get theirs from.
	SubnetPool netip.Prefix
	// Project is the name of the project if the user gave one: it wins over the one of the configuration.
	Project string
	// Command and Version are the name of the command without its arguments, and the version of kuke, for the history.
	Command, Version string
	// Caller is the place that the command was called from, nil for this host.
	Caller *Caller
}

// Caller is the other host that the user called the command from: files and variables are those there.
type Caller struct {
	// Host and User are names. Home is the home directory of the user.
	Host, User, Home string
	// Secrets are the sources of secrets. Commands that read no configuration have those of this host.
	Secrets executor.SecretSources
	// Within calls a function where files have the paths that they have there.
	Within func(func()) error
}

// Reporter is told of warnings and notes as they come up.
type Reporter interface {
	Diagnostics(ds resource.Diagnostics, sources map[string][]byte)
	Note(text string)
}

// Session is one command at work: its options, its project, and the warnings that it has reported.
type Session struct {
	Options
	Reporter   Reporter
	Progress   Progress
	Interrupts Interrupts

	// Sources are the configuration files that were read, for the snippets in diagnostics.
	Sources map[string][]byte

	project project
	// warned holds the warnings reported so far.
	warned resource.Diagnostics
}

// world is the recorded state and the host, while a use case works with both.
type world struct {
	exec  *executor.Executor
	store *state.Store
	prior *state.State
	// locked says that this process holds the lock of the state.
	locked bool
}

// Report returns ds as an error if it holds one, and otherwise reports its warnings.
func (s *Session) Report(ds resource.Diagnostics) error {
	if ds.HasErrors() {
		return ds
	}
	if len(ds) > 0 {
		s.Reporter.Diagnostics(ds, s.Sources)
		s.warned = append(s.warned, ds...)
	}
	return nil
}

// State reads the state without the lock, changes nothing, and reports the files of it that can't be read.
func (s *Session) State() (*state.Store, *state.State, error) {
	store := state.NewStore(s.RunPath)
	st, err := store.Read()
	if err != nil {
		return nil, nil, err
	}
	return store, st, s.Report(st.Warnings())
}

// Open connects to the host for a look: the executor that it returns records nothing.
func (s *Session) Open(ctx context.Context, store *state.Store) (*executor.Executor, error) {
	host, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	return host.With(store), nil
}

func (s *Session) connect(ctx context.Context) (*executor.Host, error) {
	c, err := s.HostConfig()
	if err != nil {
		return nil, err
	}
	return executor.Connect(ctx, c)
}

// HostConfig returns the options as the executor takes them.
func (s *Session) HostConfig() (executor.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return executor.Config{}, fmt.Errorf("find the program that writes logs: %w", err)
	}
	var secrets executor.SecretSources
	if s.Caller != nil {
		secrets = s.Caller.Secrets
	}
	return executor.Config{
		Secrets: secrets, LogProgram: program, ProgramDir: filepath.Join(s.RunPath, ".bin"),
		Containerd: s.Containerd, CgroupRoot: s.CgroupRoot,
		PluginDirs: s.CNIBinDirs, ConfDir: s.CNIConfDir,
		ConnectTimeout: s.ConnectTimeout, CallTimeout: s.CallTimeout, StallTimeout: s.StallTimeout,
		Announce: func(waitingFor string) {
			s.Reporter.Note(fmt.Sprintf("Waiting up to %s for %s.", s.ConnectTimeout, waitingFor))
		},
	}, nil
}

// withLock calls fn with the state, and the lock held. Files of the state that can't be read are set aside before.
func (s *Session) withLock(ctx context.Context, timeout time.Duration, fn func(*state.Store, *state.State) error) (err error) {
	lock, err := state.Acquire(ctx, s.RunPath, timeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	store := state.NewStore(s.RunPath)
	st, err := store.Read()
	if err == nil {
		err = store.Repair(st, time.Now())
	}
	if err == nil {
		err = s.Report(st.Warnings())
	}
	if err != nil {
		return err
	}
	return fn(store, st)
}

// withHost calls fn with the state and an executor that records its changes in it, and the lock held. It connects before it
// takes the lock: nobody else has to wait for a containerd that does not answer.
func (s *Session) withHost(ctx context.Context, lockTimeout time.Duration, fn func(*world) error) error {
	host, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	return s.withLock(ctx, lockTimeout, func(store *state.Store, prior *state.State) error {
		w := &world{exec: host.Holding(store), store: store, prior: prior, locked: true}
		if err := w.exec.TidyUp(ctx); err != nil {
			slog.WarnContext(ctx, "could not remove all that killed commands left", "error", err) // the next command tries again
		}
		if err := s.restoreAll(ctx, w); err != nil {
			return err
		}
		return fn(w)
	})
}

// withoutLock calls fn with the state and an executor that records nothing. The state may change at any time.
func (s *Session) withoutLock(ctx context.Context, fn func(*world) error) error {
	store, prior, err := s.State()
	if err != nil {
		return err
	}
	exec, err := s.Open(ctx, store)
	if err != nil {
		return err
	}
	defer exec.Close()
	w := &world{exec: exec, store: store, prior: prior}
	if err := s.restoreAll(ctx, w); err != nil {
		return err
	}
	return fn(w)
}
