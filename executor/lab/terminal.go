package lab

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal of the caller. The command is in its foreground while it runs: an interactive shell then
// has job control, and Ctrl-C reaches its processes.
type terminal struct {
	fd    int
	group int
	modes *unix.Termios
}

// openTerminal returns nil unless the file is the controlling terminal and the caller is in its foreground: a lab in the
// background must not take the terminal.
func openTerminal(f *os.File) *terminal {
	fd := int(f.Fd())
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return nil
	}
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil
	}
	return &terminal{fd: fd, group: group, modes: modes}
}

// restore puts the caller back into the foreground, with the earlier modes.
func (t *terminal) restore() {
	if t == nil {
		return
	}
	// The caller is in the background now, where changing the terminal would stop it.
	signal.Ignore(unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, t.group)
	_ = unix.IoctlSetTermios(t.fd, unix.TCSETSW, t.modes)
}
