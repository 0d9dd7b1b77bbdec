package remote

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/tty"
)

// pty is a terminal of the host for a command whose caller has one.
type pty struct{ master, slave *os.File }

func newPTY(size Size) (*pty, error) {
	master, slave, err := tty.OpenPTY()
	if err != nil {
		return nil, err
	}
	p := &pty{master, slave}
	if err := p.resize(size); err != nil {
		p.close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return p, nil
}

func (p *pty) resize(s Size) error {
	if s.Width == 0 || s.Height == 0 {
		return nil // the caller's terminal has none either
	}
	return tty.Control(p.master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: s.Width, Row: s.Height})
	})
}

func (p *pty) close() {
	p.master.Close()
	p.slave.Close()
}
