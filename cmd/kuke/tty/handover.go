// Package tty works with the terminal and the signals of this process: it asks a person for values, and hands both over to a
// command in a container. It prints nothing.
package tty

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kukeon/kuke/executor"
)

// HandOver hands the terminal over to a command in a container: every key goes to the command, which learns of the size of the
// terminal, now and when it changes.
func HandOver(terminal *os.File, s *executor.Session) (restore func(), err error) {
	fd := int(terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("take over the terminal: %w", err)
	}
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	size := func() (executor.TerminalSize, error) {
		width, height, err := term.GetSize(fd)
		return executor.TerminalSize{Width: uint32(width), Height: uint32(height)}, err
	}
	// A terminal that has no size leaves the command its own idea of one.
	s.Size, _ = size()
	sizes := make(chan executor.TerminalSize)
	s.Sizes = sizes
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-changed:
			case <-done:
				return
			}
			now, err := size()
			if err != nil {
				continue
			}
			select {
			case sizes <- now:
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(done)
		_ = term.Restore(fd, before)
	}, nil
}
