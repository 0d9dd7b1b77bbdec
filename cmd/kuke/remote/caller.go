package remote

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The arguments of the processes of kuke on the host, which no user writes. The first one of a command is its name.
const (
	commandSession = "host-session"
	flagChild      = "--host-command"
)

// requestFD is the file of the child that it reads its command from.
const requestFD = 3

// child is the part of a request that the child needs.
type child struct {
	Args   []string
	Caller Caller
}

// Init runs the session of a caller, and never returns, where this process was started for one. Where it was started as the
// command of a session, Init returns the arguments of the command and its caller; else the given arguments and nil. It must run
// before all other work of the program.
func Init(args []string) ([]string, *Caller) {
	switch {
	case len(args) == 1 && args[0] == commandSession:
		if term.IsTerminal(int(os.Stdin.Fd())) {
			fmt.Fprintf(os.Stderr, "%s is a part of --host, and no command\n", commandSession)
			os.Exit(1)
		}
		os.Exit(serve(os.Stdin, os.Stdout))
	case len(args) == 2 && args[1] == flagChild:
		var c child
		if err := json.NewDecoder(os.NewFile(requestFD, "request")).Decode(&c); err != nil {
			fmt.Fprintf(os.Stderr, "%s is a part of --host, and no flag: %v\n", flagChild, err)
			os.Exit(1)
		}
		unix.CloseOnExec(requestFD)
		return c.Args, &c.Caller
	}
	return args, nil
}

// Within calls fn where files have the paths that they have for the caller, with its working directory. fn runs in a goroutine
// of its own, and must start none that reads files.
func (c *Caller) Within(fn func()) error {
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with the goroutine, and no other one sees its root directory.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = unix.Chroot(c.Root)
		}
		if err == nil {
			err = unix.Chdir(c.Dir)
		}
		if err == nil {
			fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("enter the files of the caller: %w", err)
	}
	return nil
}

// Path returns the path on this host of a file of the caller.
func (c *Caller) Path(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	return filepath.Join(c.Root, path)
}

// Relative returns the path of a file of the caller as seen from its working directory, which names the same file for the
// caller and, in the working directory of the command, for this host.
func (c *Caller) Relative(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return path, nil
	}
	return filepath.Rel(c.Dir, path)
}
