package session

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// A rehearsal runs in a process of its own, the only one that a lab is started for. Its standard input is a tar archive with the
// script and the downloads, its standard output a message a line.

// rehearsalArg is the only argument of the process.
const rehearsalArg = "kuke-rehearsal"

// scriptName is the name of the first file in the archive. The others are named by their digests.
const scriptName = "script.json"

// The directories of the lab.
const (
	labRunPath    = "/opt/kukeon"
	labContainerd = "/run/containerd/containerd.sock"
	labCgroups    = "/sys/fs/cgroup"
	labConfDir    = "/etc/cni/net.d"
	labDownloads  = "/run/kuke-downloads"
)

// message is a line of the output: the event of a step, or the result, which is the last line.
type message struct {
	Event  *eventMessage  `json:"event,omitempty"`
	Result *resultMessage `json:"result,omitempty"`
}

type eventMessage struct {
	Index   int           `json:"index"`
	Step    plan.Step     `json:"step"`
	Done    bool          `json:"done"`
	Elapsed time.Duration `json:"elapsed"`
	Err     string        `json:"err,omitempty"`
	Exit    string        `json:"exit,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	Total   int64         `json:"total,omitempty"`
}

type resultMessage struct {
	Outcomes []outcomeMessage     `json:"outcomes"`
	Exited   []plan.RehearsedExit `json:"exited"`
	Err      string               `json:"err,omitempty"`
	Notes    []string             `json:"notes"`
}

type outcomeMessage struct {
	Done    bool       `json:"done"`
	Err     string     `json:"err,omitempty"`
	Log     []string   `json:"log,omitempty"`
	Blocker *plan.Step `json:"blocker,omitempty"`
}

// Init carries out a plan and never returns where this process was started in a lab for that; else it returns at once. The program
// must call it before all other work, but after [executor.Init] and [lab.Init].
func Init() {
	if len(os.Args) != 2 || os.Args[1] != rehearsalArg || !lab.Inside() {
		return
	}
	if err := rehearseInLab(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// speaker writes messages; several goroutines may use it.
type speaker struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (s *speaker) say(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(m)
}

func (s *speaker) observe(e plan.Event) {
	m := &eventMessage{Index: e.Index, Step: e.Step, Done: e.Done, Elapsed: e.Elapsed, Exit: e.Exit, Err: textOf(e.Err), Bytes: e.Bytes, Total: e.Total}
	_ = s.say(message{Event: m}) // the result, if nobody listens any more, fails too
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// rehearseInLab is the whole process.
func rehearseInLab(in io.Reader, out io.Writer) error {
	archive := tar.NewReader(bufio.NewReader(in))
	script, err := readScript(archive)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), script.Timeout)
	defer cancel()
	speaker := &speaker{out: json.NewEncoder(out)}
	result, err := script.perform(ctx, archive, speaker.observe)
	if ctx.Err() != nil {
		err = tooLong(script.Timeout)
	}
	said := &resultMessage{Exited: result.Exited, Notes: result.Notes, Err: textOf(err)}
	for _, o := range result.Outcomes {
		said.Outcomes = append(said.Outcomes, outcomeMessage{Done: o.Done, Err: textOf(o.Err), Log: o.Log, Blocker: o.Blocker})
	}
	return speaker.say(message{Result: said})
}

func readScript(archive *tar.Reader) (*script, error) {
	header, err := archive.Next()
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	if header.Name != scriptName {
		return nil, fmt.Errorf("read the script: the archive begins with %s", header.Name)
	}
	s := new(script)
	if err := json.NewDecoder(archive).Decode(s); err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	return s, nil
}

// perform makes the recorded resources in the lab, and carries out the plan. The result is never nil.
func (s *script) perform(ctx context.Context, archive *tar.Reader, observe func(plan.Event)) (*plan.Rehearsal, error) {
	result := &plan.Rehearsal{}
	made, err := plan.Decode(s.Plan)
	if err != nil {
		return result, fmt.Errorf("the plan %w", err)
	}
	for i := range made.Steps {
		if image := made.Steps[i].Image; image != nil {
			image.Pull = false // the lab has no network, but the image
		}
	}
	if err := receive(archive); err != nil {
		return result, err
	}
	exec, prior, err := s.open(ctx)
	if err != nil {
		return result, err
	}
	defer exec.Close()
	if result.Notes, err = exec.Stage(ctx, s.Kit, prior.State, labRunPath, labDownloads); err != nil {
		return result, err
	}
	if err := prior.restore(); err != nil {
		return result, err
	}
	result.Notes = append(result.Notes, exec.Differences(made)...)
	if err := prepareLab(exec, prior, made); err != nil {
		return result, err
	}
	result.Outcomes, err = exec.Apply(ctx, made, executor.ApplyOptions{Parallelism: max(executor.DefaultParallelism, len(made.Steps)), Observe: observe})
	if err != nil {
		return result, err
	}
	result.Exited, err = exec.Settle(ctx, made, result.Outcomes)
	return result, err
}

// recorded is the state of the host, and the store of the lab.
type recorded struct {
	*state.State
	store *state.Store
}

// restore makes the state of the host that of the lab, which may have changed its records.
func (r recorded) restore() error { return errors.Join(r.store.Replace(r.State), r.store.Commit()) }

// open connects to the lab, and records the state of the host there.
func (s *script) open(ctx context.Context) (*executor.Executor, recorded, error) {
	r := recorded{store: state.NewStore(labRunPath)}
	_, err := r.store.Read()
	if err != nil {
		return nil, r, err
	}
	if r.State, err = state.Parse(s.State); err != nil {
		return nil, r, fmt.Errorf("the state: %w", err)
	}
	if s.Key != nil {
		if err := r.store.SaveKey(s.Key); err != nil {
			return nil, r, err
		}
	}
	if err := r.restore(); err != nil {
		return nil, r, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, r, fmt.Errorf("find the program that writes logs: %w", err)
	}
	host, err := executor.Connect(ctx, executor.Config{
		LogProgram: program, ProgramDir: filepath.Join(labRunPath, ".bin"), Containerd: labContainerd, CgroupRoot: labCgroups,
		PluginDirs: s.CNIBinDirs, ConfDir: labConfDir, CallTimeout: s.CallTimeout, Rehearsal: true,
	})
	if err != nil {
		return nil, r, err
	}
	return host.Holding(r.store), r, nil
}

// prepareLab does the work of an apply before its steps: see [saved].
func prepareLab(exec *executor.Executor, prior recorded, made *plan.Plan) error {
	if err := made.CheckFresh(prior.State); err != nil {
		return err
	}
	if err := exec.UseKey(made.Key); err != nil {
		return err
	}
	return exec.Provide(made)
}

// receive writes the downloads to the directory for them, in memory.
func receive(archive *tar.Reader) error {
	if err := os.MkdirAll(labDownloads, 0o700); err != nil {
		return err
	}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = receiveBlob(archive, header.Name)
		}
		if err != nil {
			return fmt.Errorf("download an image: %w", err)
		}
	}
}

func receiveBlob(from io.Reader, name string) error {
	want, err := digest.Parse(name)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(labDownloads, want.Encoded()))
	if err != nil {
		return err
	}
	verifier := want.Verifier()
	if _, err := io.Copy(io.MultiWriter(file, verifier), from); err != nil {
		return errors.Join(err, file.Close())
	}
	if !verifier.Verified() {
		return errors.Join(fmt.Errorf("the registry sent other content for %s", want), file.Close())
	}
	return file.Close()
}

// listen reads messages to the end, and returns the result, nil where there is none.
func listen(from io.Reader, made *plan.Plan, observe func(plan.Event)) *plan.Rehearsal {
	lines := json.NewDecoder(from)
	for {
		var m message
		if err := lines.Decode(&m); err != nil {
			_, _ = io.Copy(io.Discard, from) // so that nobody waits to write
			return nil
		}
		switch {
		case m.Event != nil && observe != nil:
			observe(m.Event.event())
		case m.Result != nil:
			return m.Result.rehearsal(made)
		}
	}
}

func (m *eventMessage) event() plan.Event {
	return plan.Event{Index: m.Index, Step: m.Step, Done: m.Done, Elapsed: m.Elapsed, Err: errorOf(m.Err), Exit: m.Exit, Progress: plan.Progress{Bytes: m.Bytes, Total: m.Total}}
}

func errorOf(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

func (m *resultMessage) rehearsal(made *plan.Plan) *plan.Rehearsal {
	r := &plan.Rehearsal{Exited: m.Exited, Err: errorOf(m.Err), Notes: m.Notes}
	for i, o := range m.Outcomes {
		r.Outcomes = append(r.Outcomes, plan.Outcome{Step: made.Steps[i], Done: o.Done, Err: errorOf(o.Err), Log: o.Log, Blocker: o.Blocker})
	}
	return r
}
