package session

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
)

// DefaultRehearseTimeout is the default time for a rehearsal.
const DefaultRehearseTimeout = 15 * time.Minute

// ErrRehearsal ends a use case whose plan has failed its rehearsal. [RehearseOptions.Report] has told why.
var ErrRehearsal = errors.New("the plan has failed its rehearsal")

// RehearseOptions say how a plan is rehearsed. Its functions may be nil.
type RehearseOptions struct {
	// Timeout is the time for the whole rehearsal.
	Timeout time.Duration
	// Review shows the plan, before its rehearsal begins.
	Review func(*plan.Plan) error
	// Observe is called by one goroutine.
	Observe func(plan.Event)
	// Report is given the result, and prints it.
	Report func(*plan.Plan, *plan.Rehearsal) error
}

// rehearseGrace is the time that a lab has to end by itself once the time of the rehearsal is over.
const rehearseGrace = 30 * time.Second

// rehearse carries out the plan in a lab, with the records and, of this host, the containers and images that it takes. It changes
// nothing on this host. The error is [ErrRehearsal] if the plan has failed.
func (s *Session) rehearse(ctx context.Context, w *world, made *plan.Plan, o RehearseOptions) error {
	if err := o.Review(made); err != nil {
		return err
	}
	result := &plan.Rehearsal{}
	if !made.Empty() {
		var err error
		result, err = s.rehearseSteps(ctx, w, made, o)
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		if err != nil {
			return fmt.Errorf("rehearse the plan: %w", err)
		}
	}
	if err := o.Report(made, result); err != nil {
		return err
	}
	if !result.Passed() {
		return ErrRehearsal
	}
	return nil
}

func (s *Session) rehearseSteps(ctx context.Context, w *world, made *plan.Plan, o RehearseOptions) (*plan.Rehearsal, error) {
	run := lab.Options{Command: []string{"/proc/self/exe", rehearsalArg}, Dir: "/"}
	cgroups, err := executor.LookAtCgroups(s.CgroupRoot)
	if err != nil {
		return nil, err
	}
	if run.Cgroup = lab.Unified; cgroups.Mode == "v1" {
		run.Cgroup = lab.Hybrid
	}
	if err := lab.Check(run); err != nil {
		return nil, err
	}
	kit, err := w.exec.Pack(ctx, made, w.prior, planner.Rehearsed(made, w.prior), s.RunPath)
	if err != nil {
		return nil, err
	}
	if run.HostMounts, err = kit.HostMounts(); err != nil {
		return nil, err
	}
	script, err := s.script(w, made, kit, o.Timeout)
	if err != nil {
		return nil, err
	}
	return perform(ctx, run, script, kit.Downloads(), made, o)
}

// script is the input of the process in the lab, in memory only: it holds sensitive values.
type script struct {
	Kit   *executor.Kit    `json:"kit"`
	State json.RawMessage  `json:"state"`
	Key   resource.SealKey `json:"key"` // of the state
	Plan  []byte           `json:"plan"`
	// CNIBinDirs and CallTimeout are those of [Options].
	CNIBinDirs  []string      `json:"cni_bin_dirs"`
	CallTimeout time.Duration `json:"call_timeout"`
	// Timeout is that of [RehearseOptions].
	Timeout time.Duration `json:"timeout"`
}

func (s *Session) script(w *world, made *plan.Plan, kit *executor.Kit, timeout time.Duration) ([]byte, error) {
	recorded, err := json.Marshal(w.prior)
	if err != nil {
		return nil, err
	}
	key, err := w.store.Key()
	if err != nil {
		return nil, err
	}
	encoded, err := plan.Encode(made)
	if err != nil {
		return nil, err
	}
	return json.Marshal(script{Kit: kit, State: recorded, Key: key, Plan: encoded, CNIBinDirs: s.CNIBinDirs, CallTimeout: s.CallTimeout, Timeout: timeout})
}

// perform runs the lab, and returns the result that it tells.
func perform(ctx context.Context, run lab.Options, script []byte, downloads []executor.Download, made *plan.Plan, o RehearseOptions) (*plan.Rehearsal, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout+rehearseGrace)
	defer cancel()
	pipes, err := openPipes(3)
	if err != nil {
		return nil, err
	}
	in, out, errs := pipes[0], pipes[1], pipes[2]
	run.Stdin, run.Stdout, run.Stderr = in.read, out.write, errs.write
	sent := make(chan error, 1)
	go func() { sent <- errors.Join(send(ctx, in.write, script, downloads), in.write.Close()) }()
	complaint := make(chan string, 1)
	go func() { complaint <- lastOf(errs.read) }()
	heard := make(chan *plan.Rehearsal, 1)
	go func() { heard <- listen(out.read, made, o.Observe) }()

	_, runErr := lab.Run(ctx, run)
	// No process of the lab has them any more.
	closeErr := errors.Join(in.read.Close(), out.write.Close(), errs.write.Close())
	result, text, sendErr := <-heard, <-complaint, <-sent
	closeErr = errors.Join(closeErr, out.read.Close(), errs.read.Close())
	switch {
	case sendErr != nil && !errors.Is(sendErr, syscall.EPIPE): // else the lab has ended first
		return nil, sendErr
	case result != nil:
		return result, closeErr
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &plan.Rehearsal{Err: tooLong(o.Timeout)}, closeErr
	case runErr != nil:
		return nil, errors.Join(runErr, closeErr)
	}
	return nil, errors.New("the process in the lab ended without a result: " + text)
}

// tooLong is the error of a rehearsal that did not end in its time.
func tooLong(timeout time.Duration) error {
	return fmt.Errorf("it took longer than %s: allow more time with --rehearse-timeout", timeout)
}

type pipe struct{ read, write *os.File }

func openPipes(n int) ([]pipe, error) {
	pipes := make([]pipe, n)
	for i := range pipes {
		var err error
		if pipes[i].read, pipes[i].write, err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	return pipes, nil
}

// send writes the script and the downloads as a tar archive.
func send(ctx context.Context, to io.Writer, script []byte, downloads []executor.Download) error {
	w := tar.NewWriter(to)
	if err := w.WriteHeader(&tar.Header{Name: scriptName, Size: int64(len(script))}); err != nil {
		return err
	}
	if _, err := w.Write(script); err != nil {
		return err
	}
	for _, d := range downloads {
		if err := sendBlob(ctx, w, d); err != nil {
			return fmt.Errorf("download %s: %w", d.Digest, err)
		}
	}
	return w.Close()
}

func sendBlob(ctx context.Context, w *tar.Writer, d executor.Download) error {
	from, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := w.WriteHeader(&tar.Header{Name: d.Digest, Size: d.Size}); err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	return err
}

// lastOf reads to the end, and returns the last part.
func lastOf(r io.Reader) string {
	const most = 4 << 10
	var text bytes.Buffer
	part := make([]byte, most)
	for {
		n, err := r.Read(part)
		text.Write(part[:n])
		if text.Len() > 2*most {
			text.Next(text.Len() - most)
		}
		if err != nil {
			return strings.TrimSpace(text.String())
		}
	}
}
