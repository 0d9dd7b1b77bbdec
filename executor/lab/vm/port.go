package vm

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Result is the result of a script.
type Result struct {
	// Status is its exit status, Output its standard output and standard error.
	Status int
	Output string
}

// Run runs a script with bash in the guest and waits for its end. An error means that the script could not be run, or did not
// end before ctx; a failed script is no error.
func (m *Machine) Run(ctx context.Context, script string) (Result, error) {
	if m.port == nil {
		return Result{}, errors.New("run a script in a virtual machine: it is off")
	}
	result, err := m.port.run(ctx, script)
	if err != nil {
		return Result{}, m.failed(fmt.Errorf("run a script in a virtual machine: %w", err))
	}
	return result, nil
}

// port is the host's end of the serial port that the agent of a guest listens on.
type port struct {
	conn    net.Conn
	id      int
	answers chan string // closed when the machine has ended
}

func newPort(conn net.Conn) *port {
	p := &port{conn: conn, answers: make(chan string)}
	go func() {
		defer close(p.answers)
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			p.answers <- line
		}
	}()
	return p
}

func (p *port) run(ctx context.Context, script string) (Result, error) {
	p.id++
	id := strconv.Itoa(p.id)
	if _, err := io.WriteString(p.conn, id+" "+base64.StdEncoding.EncodeToString([]byte(script))+"\n"); err != nil {
		return Result{}, err
	}
	for {
		select {
		case line, ok := <-p.answers:
			if !ok {
				return Result{}, errors.New("it has ended")
			}
			fields := strings.Fields(line)
			// An answer to an earlier script, whose Run has given up, is dropped. An answer without output has two fields.
			if len(fields) < 2 || fields[0] != id {
				continue
			}
			return parse(append(fields, "")[1:3])
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
}

func parse(fields []string) (Result, error) {
	status, err := strconv.Atoi(fields[0])
	if err != nil {
		return Result{}, fmt.Errorf("its agent answers with the status %q: %w", fields[0], err)
	}
	output, err := base64.StdEncoding.DecodeString(fields[1])
	return Result{Status: status, Output: string(output)}, err
}

func (p *port) close() {
	_ = p.conn.Close()
	for range p.answers { // until its reader has ended
	}
}

// acceptFrom waits for the emulator to connect, or to end.
func acceptFrom(listener net.Listener, exited chan error) (net.Conn, error) {
	type accepted struct {
		conn net.Conn
		err  error
	}
	done := make(chan accepted, 1)
	go func() {
		conn, err := listener.Accept()
		done <- accepted{conn, err}
	}()
	select {
	case a := <-done:
		return a.conn, a.err
	case err := <-exited:
		exited <- err
		return nil, fmt.Errorf("the emulator ended: %v", err)
	}
}

// startLocked starts a command with a Pdeathsig for the end of this process. The kernel sends it at the end of the thread that
// started the command, so that thread is kept for good.
func startLocked(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		if cmd.Process != nil {
			select {}
		}
	}()
	return <-started
}
