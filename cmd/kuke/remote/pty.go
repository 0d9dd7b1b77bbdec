package remote

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pty is a terminal of the host for a command whose caller has one.
type pty struct{ master, slave *os.File }

func newPTY(size Size) (*pty, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	p := &pty{master: master}
	number := 0
	if err = p.control(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) }); err == nil {
		err = p.control(func(fd int) (err error) {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
			return err
		})
	}
	if err == nil {
		p.slave, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = p.resize(size)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return p, nil
}

// control calls fn with the descriptor, which keeps the file in the poller: closing it ends a read.
func (p *pty) control(fn func(fd int) error) error {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (p *pty) resize(s Size) error {
	if s.Width == 0 || s.Height == 0 {
		return nil // the caller's terminal has none either
	}
	return p.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: s.Width, Row: s.Height})
	})
}

func (p *pty) close() {
	p.master.Close()
	if p.slave != nil {
		p.slave.Close()
	}
}
