package tty

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Questions asks for one value after the other. The zero value is ready for use.
type Questions struct {
	asking sync.Mutex
}

// End waits until the terminal is as it was, and keeps further values from being asked for. Whoever ends the process calls it.
func (q *Questions) End() { q.asking.Lock() }

// Ask reads a line from the terminal, between calls of prompt and after. The terminal shows nothing of a secret, however soon
// after the prompt it is typed.
func (q *Questions) Ask(ctx context.Context, terminal *os.File, secret bool, prompt, after func()) (string, error) {
	q.asking.Lock()
	defer q.asking.Unlock()
	if ctx.Err() != nil {
		return "", errNotEntered
	}
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }()
	if secret {
		if err := hideInput(fd); err != nil {
			return "", fmt.Errorf("read from the terminal: %w", err)
		}
	}
	prompt()
	defer after()
	line, err := ReadLine(ctx, bufio.NewReader(terminal), MaxAnswer)
	switch {
	case ctx.Err() != nil:
		return "", errNotEntered
	case errors.Is(err, ErrTooLong):
		return "", fmt.Errorf("read from the terminal: %w", err)
	case err != nil:
		return "", errors.New("nothing was entered")
	}
	if line = strings.TrimRight(line, "\r\n"); !secret {
		line = strings.TrimSpace(line)
	}
	return line, nil
}

// MaxAnswer is the maximum length of an answer, in bytes.
const MaxAnswer = 1 << 20

var errNotEntered = errors.New("interrupted before a value was entered")

// hideInput keeps the terminal from showing typed characters.
func hideInput(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
