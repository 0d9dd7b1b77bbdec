package view

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/tty"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// screen is a terminal that wraps long lines again when its width changes, as most do. It has no more control sequences than
// the board needs.
type screen struct {
	*testing.T
	master, slave *os.File
	closed        chan struct{}

	mu            sync.Mutex
	width, height int
	lines         [][]rune
	line, column  int // of the cursor, in lines
}

func newScreen(t *testing.T, width, height int) *screen {
	t.Helper()
	master, slave, err := tty.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{T: t, master: master, slave: slave, closed: make(chan struct{}), lines: [][]rune{nil}}
	s.resize(width, height)
	go s.read()
	t.Cleanup(func() {
		slave.Close()
		<-s.closed
		master.Close()
	})
	return s
}

func (s *screen) resize(width, height int) {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width, s.height = width, height
	if height == 0 {
		s.height = usualHeight
	}
	if err := unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)}); err != nil {
		s.Fatal(err)
	}
}

var sequence = regexp.MustCompile("^\x1b\\[([0-9]*)([A-Za-z])")

// read shows the output of the terminal until its last user has gone.
func (s *screen) read() {
	defer close(s.closed)
	buffer, rest := make([]byte, 4096), ""
	for {
		n, err := s.master.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		rest = s.show(rest + string(buffer[:n]))
		s.mu.Unlock()
	}
}

// show shows a text, but for an incomplete sequence or character at its end, which it returns.
func (s *screen) show(text string) (rest string) {
	for text != "" {
		if text[0] == '\x1b' {
			m := sequence.FindStringSubmatch(text)
			if m == nil {
				return text
			}
			text = text[len(m[0]):]
			s.control(m[2], m[1])
			continue
		}
		r, n := rune(text[0]), 1
		if r >= 0x80 {
			if r = []rune(text)[0]; r == '\ufffd' && len(text) < 4 {
				return text
			}
			n = len(string(r))
		}
		text = text[n:]
		s.put(r)
	}
	return ""
}

func (s *screen) control(kind, number string) {
	switch kind {
	case "A":
		n, _ := strconv.Atoi(number)
		rows := s.rows()
		at := 0
		for i, r := range rows {
			if r.line == s.line && r.from <= s.column {
				at = i
			}
		}
		column := s.column - rows[at].from
		to := rows[max(at-n, len(rows)-s.height, 0)]
		s.line, s.column = to.line, to.from+column
	case "J":
		s.lines = s.lines[:s.line+1]
		s.lines[s.line] = s.lines[s.line][:min(s.column, len(s.lines[s.line]))]
	case "m":
	default:
		s.Errorf("unknown sequence %q", number+kind)
	}
}

func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.column = 0 // of the first row, where a line has several
	case '\n':
		s.line++
		if s.line == len(s.lines) {
			s.lines = append(s.lines, nil)
		}
	default:
		line := s.lines[s.line]
		for len(line) <= s.column {
			line = append(line, ' ')
		}
		line[s.column] = r
		s.lines[s.line] = line
		s.column++
	}
}

// row is a row of the terminal: a line, or a part of one.
type row struct{ line, from int }

func (s *screen) rows() []row {
	var rows []row
	for i, line := range s.lines {
		rows = append(rows, row{i, 0})
		for from := s.width; s.width > 0 && from < len(line); from += s.width {
			rows = append(rows, row{i, from})
		}
	}
	return rows
}

// text returns all lines that the terminal has shown and not erased.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, line := range s.lines {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return strings.Join(lines, "\n")
}

// sees waits until the terminal shows the text.
func (s *screen) sees(text string) {
	s.Helper()
	for range 1000 {
		if strings.Contains(s.text(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("the terminal doesn't show %q, but\n%s", text, s.text())
}

// boardSteps is a pull, and a container that waits for it.
func boardSteps() []plan.Step {
	return []plan.Step{
		{Op: plan.OpImage, Image: &plan.Image{Reference: "example.com/team/nginx:1", Pull: true}},
		{Op: plan.OpCreate, Path: "main/default/blog/web/nginx", After: []int{0}},
		{Op: plan.OpUpdate, Path: "main/default/blog/db"},
	}
}

// On a terminal a line for each running step, and one for all, are below what is printed; all these lines are cleared at the end.
func TestBoard(t *testing.T) {
	for _, size := range []struct{ width, height int }{{100, 24}, {30, 10}, {0, 0}} {
		t.Run(fmt.Sprint(size.width), func(t *testing.T) {
			s := newScreen(t, size.width, size.height)
			out, errs := New(s.slave, true), New(s.slave, false)
			p := out.Progress(errs)
			p.Drawn, p.Again = true, "kuke apply"
			steps := boardSteps()
			p.Begin(&plan.Plan{Project: "shop", Steps: steps}, state.Durations{}, 2)
			p.Observe(plan.Event{Index: 0, Step: steps[0]})
			p.Observe(plan.Event{Index: 2, Step: steps[2]})
			s.sees("nginx:1: pulling… 0s")
			s.sees("db: updating… 0s")
			s.sees("0 of 3 steps done, 2 running")
			p.Observe(plan.Event{Index: 0, Step: steps[0], Progress: plan.Progress{Bytes: 3e6, Total: 12e6}, Elapsed: time.Second})
			s.sees("pulling… 3MB of 12MB, 0s")
			p.Observe(plan.Event{Index: 0, Step: steps[0], Progress: plan.Progress{Bytes: 12e6, Total: 12e6}, Elapsed: time.Second})
			s.sees("unpacking… 12MB, 0s")
			errs.Note("Interrupted.")
			s.sees("Interrupted.")
			p.Observe(plan.Event{Index: 2, Step: steps[2], Done: true, Elapsed: time.Second, Err: errors.New("busy"), Exit: "it exited with code 1"})
			s.sees("db: failed after 1s: it exited with code 1")
			s.sees("1 failed")
			p.Observe(plan.Event{Index: 0, Step: steps[0], Done: true, Elapsed: 2 * time.Second})
			p.End(&plan.Result{Plan: &plan.Plan{Project: "shop", Steps: steps}, Outcomes: []plan.Outcome{
				{Step: steps[0], Done: true}, {Step: steps[1]}, {Step: steps[2], Err: errors.New("busy")},
			}})
			out.Line("The end.")
			s.sees("The end.")
			const want = `

Interrupted.
cell main/default/blog/db: failed after 1s: it exited with code 1
image example.com/team/nginx:1: prepared in 2s

Error: cell main/default/blog/db could not be updated

  busy

Not done:
  container main/default/blog/web/nginx not created: interrupted before

Apply incomplete: 0 added, 0 changed, 0 destroyed. Completed steps are recorded; the next apply continues from here.
1 of 3 steps done, 1 failed, 1 skipped.
To continue: kuke apply
The end.
`
			if got := s.text(); got != want {
				t.Errorf("the terminal shows:\n%s", got)
			}
		})
	}
}

// What was drawn is erased also after the terminal has changed its width, and after keys that moved the cursor.
func TestConsole(t *testing.T) {
	s := newScreen(t, 40, 24)
	c := &console{terminal: s.slave}
	frame := func(text string, lines ...string) {
		t.Helper()
		fmt.Fprint(c, text)
		for _, line := range append(lines, "") {
			if line != "" {
				line += "\n"
			}
			if _, err := c.ReadFrom(strings.NewReader(line)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(-1); err != nil {
			t.Fatal(err)
		}
		s.sees(strings.Join(append(lines, ""), "\n"))
	}
	frame("begin\n", "first 1", "all "+strings.Repeat("█", 30))
	for i, width := range []int{40, 17, 3, 60, 20} {
		s.resize(width, 24)
		if _, err := s.master.WriteString("^"); err != nil { // the terminal echoes the key
			t.Fatal(err)
		}
		s.sees("\n^")
		frame(fmt.Sprintf("line %d\n", i), "second "+fmt.Sprint(i), strings.Repeat("█", width))
	}
	frame("end\n")
	s.sees("end\n")
	if got, want := s.text(), "begin\nline 0\nline 1\nline 2\nline 3\nline 4\nend\n"; got != want {
		t.Errorf("the terminal shows:\n%s", got)
	}
}

// More steps than rows run at once.
func TestBoardOfManySteps(t *testing.T) {
	s := newScreen(t, 60, 8)
	out := New(s.slave, false)
	p := out.Progress(New(s.slave, false))
	p.Drawn = true
	const many = 200
	steps := make([]plan.Step, many)
	for i := range steps {
		steps[i] = plan.Step{Op: plan.OpStop, Path: resource.Path(fmt.Sprintf("m/s/t/c/n%d", i))}
	}
	p.Begin(&plan.Plan{Steps: steps}, state.Durations{}, many)
	var all sync.WaitGroup
	for i, step := range steps {
		all.Go(func() { p.Observe(plan.Event{Index: i, Step: step}) })
	}
	all.Wait()
	s.sees("0 of 200 steps done, 200 running")
	var want strings.Builder
	for i, step := range steps {
		p.Observe(plan.Event{Index: i, Step: step, Done: true})
		fmt.Fprintf(&want, "\n%s: stopped in 0s", stepName(step))
	}
	p.End(&plan.Result{Plan: &plan.Plan{Steps: steps}})
	out.Line("The end.")
	s.sees("The end.")
	if got := s.text(); !strings.HasPrefix(got, want.String()+"\n\nCommand complete") {
		t.Errorf("the terminal shows:\n%s", got)
	}
}

// A terminal that goes away in the middle holds nothing up.
func TestBoardWithoutTerminal(t *testing.T) {
	s := newScreen(t, 80, 24)
	out := New(s.slave, false)
	p := out.Progress(New(s.slave, false))
	p.Drawn = true
	steps := boardSteps()
	p.Begin(&plan.Plan{Steps: steps}, state.Durations{}, 2)
	p.Observe(plan.Event{Index: 0, Step: steps[0]})
	s.sees("0 of 3 steps done, 1 running")
	s.master.Close()
	for i, step := range steps[1:] {
		p.Observe(plan.Event{Index: i + 1, Step: step})
		p.Observe(plan.Event{Index: i + 1, Step: step, Done: true})
	}
	p.End(&plan.Result{Plan: &plan.Plan{Steps: steps}})
	if err := out.Err(); err != nil {
		t.Errorf("a terminal that is gone is no error: %v", err)
	}
}

func TestForecast(t *testing.T) {
	dir := t.TempDir()
	store := state.NewStore(dir)
	if _, err := store.Read(); err != nil {
		t.Fatal(err)
	}
	paths := []resource.Path{"m", "m/s", "m/s/t", "m/s/t/c", "m/s/t/c/a"}
	for _, p := range paths {
		if err := store.Put(&state.Record{Path: p, Spec: resource.NewSpec(p.Kind())}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.RecordDurations([]state.Duration{
		{Op: "create", Path: "m/s/t/c/a", Took: 4 * time.Second}, {Op: "delete", Path: "m/s/t/c/a", Took: 10 * time.Second}, {Op: "pull", Took: time.Minute},
	}); err != nil {
		t.Fatal(err)
	}
	past := store.Durations()
	create := func(name string, after ...int) plan.Step {
		return plan.Step{Op: plan.OpCreate, Path: resource.Path("m/s/t/c/" + name), After: after}
	}
	remove := func(name string) plan.Step {
		return plan.Step{Op: plan.OpDelete, Path: resource.Path("m/s/t/c/" + name)}
	}
	pull := plan.Step{Op: plan.OpImage, Image: &plan.Image{Pull: true}}
	now := time.Unix(1000, 0)
	for _, test := range []struct {
		name        string
		steps       []plan.Step
		parallelism int
		before      func(*forecast)
		want        time.Duration
		known       bool
	}{
		{"chain", []plan.Step{remove("a"), create("a", 0), create("b")}, 10, nil, 14 * time.Second, true},
		{"one at a time", []plan.Step{remove("a"), create("a", 0), create("b")}, 1, nil, 18 * time.Second, true},
		{"running", []plan.Step{remove("a"), create("a", 0)}, 1, func(f *forecast) { f.begin(0, now.Add(-3*time.Second)) }, 11 * time.Second, true},
		{"late", []plan.Step{remove("a"), create("a", 0)}, 1, func(f *forecast) { f.begin(0, now.Add(-time.Hour)) }, 4 * time.Second, true},
		{"done", []plan.Step{remove("a"), create("a", 0)}, 1, func(f *forecast) { f.begin(0, now); f.end(0, false) }, 4 * time.Second, true},
		{"failed", []plan.Step{remove("a"), create("a", 0), create("b", 1), create("c")}, 1, func(f *forecast) { f.end(0, true) }, 4 * time.Second, true},
		{"unknown", []plan.Step{create("a"), {Op: plan.OpNames, Path: "m/s"}}, 1, nil, 0, false},
		{"unknown is done", []plan.Step{create("a"), {Op: plan.OpNames, Path: "m/s"}}, 1, func(f *forecast) { f.end(1, false) }, 4 * time.Second, true},
		{"pull", []plan.Step{pull, create("a", 0)}, 2, nil, 64 * time.Second, true},
		{"pulling", []plan.Step{pull, create("a", 0)}, 2, func(f *forecast) {
			f.begin(0, now.Add(-3*time.Second))
			f.arrived(0, 10, 40, 3*time.Second)
		}, 13 * time.Second, true},
		{"all done", []plan.Step{create("a")}, 1, func(f *forecast) { f.end(0, false) }, 0, false},
		{"nothing", nil, 0, nil, 0, false},
	} {
		f := newForecast(test.steps, past, test.parallelism)
		if test.before != nil {
			test.before(f)
		}
		if got, known := f.left(now); got != test.want || known != test.known {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, known, test.want, test.known)
		}
	}
}

func TestBoardTexts(t *testing.T) {
	now := time.Unix(1000, 0)
	line := &boardLine{step: boardSteps()[1], begin: now.Add(-75 * time.Second)}
	for width, want := range map[int]string{
		100: "container main/default/blog/web/nginx: creating… 1m15s",
		40:  "…default/blog/web/nginx: creating… 1m15s",
		20:  "…nx: creating… 1m15s",
		5:   "…: creating… 1m15s",
	} {
		if got := line.text(now, width); got != want {
			t.Errorf("%d: %q, want %q", width, got, want)
		}
	}
	f := newForecast(make([]plan.Step, 40), state.Durations{}, 1)
	f.estimates[39] = 90 * time.Second
	for i := range 39 {
		f.end(i, i == 38)
	}
	f.tails[39] = f.estimates[39]
	f.begin(39, now)
	b := &board{forecast: f}
	for width, want := range map[int]string{
		100: "38 of 40 steps done, 1 running, 1 failed, about 1m30s left",
		50:  "38 of 40 steps done, 1 failed, about 1m30s left",
		40:  "38/40, 1 failed, about 1m30s left",
		20:  "38/40, 1 failed",
		3:   "38/40",
	} {
		if got := b.summary(now, width); got != want {
			t.Errorf("%d: %q, want %q", width, got, want)
		}
	}
}
