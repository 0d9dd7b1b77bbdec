package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// smallFile is the size of files that are rotated all the time.
const smallFile = 64 << 10

// numbered checks the lines of both streams, which count up.
type numbered struct {
	t    *testing.T
	name string
	next map[string]int
	// cut is a line without its end.
	cut map[string]string
}

func newNumbered(t *testing.T, name string) *numbered {
	return &numbered{t, name, map[string]int{}, map[string]string{}}
}

// add takes a line. Where files are missing, and at the first of those that are left, the next number is any that is higher,
// and the rest of a line may begin in the middle; the last line may have no end yet.
func (n *numbered) add(e Entry, gap bool) {
	if e.Missing > 0 {
		for stream := range n.next {
			n.next[stream] = -max(n.next[stream], -n.next[stream]-1) - 1
		}
		return
	}
	if cut := n.cut[e.Stream]; cut != "" {
		n.t.Errorf("%s: %s has the line %.60q, and others after it", n.name, e.Stream, cut)
	}
	next, known := n.next[e.Stream]
	var number int
	var rest string
	if c, err := fmt.Sscanf(e.Text, "%d %s", &number, &rest); c != 2 || err != nil || rest != payload(number) {
		if known && next >= 0 {
			n.cut[e.Stream] = e.Text
		}
		return
	}
	switch {
	case !known && gap:
	case next < 0 && number >= -next-1:
	case number != next:
		n.t.Errorf("%s: %s has line %d where %d is due", n.name, e.Stream, number, next)
	}
	n.next[e.Stream] = number + 1
}

func payload(number int) string { return strings.Repeat("x", number*7919%200) + "." }

// producer prints numbered lines in pieces of any size.
func produce(w *io.PipeWriter, seed uint64, from, to int, wait func(int)) {
	random := rand.New(rand.NewPCG(seed, seed))
	var pending []byte
	for i := from; i < to; i++ {
		wait(i)
		pending = fmt.Appendf(pending, "%d %s\n", i, payload(i))
		for len(pending) > 600 {
			n := 1 + random.IntN(len(pending))
			_, _ = w.Write(pending[:n])
			pending = pending[n:]
		}
	}
	_, _ = w.Write(pending)
	_ = w.Close()
}

// limited returns a writer of files of at most so many bytes.
func limited(file string, size int64) *writer {
	w := newWriter(file)
	w.MaxSize = size
	if err := WriteSettings(file, w.Settings); err != nil {
		panic(err)
	}
	return w
}

// run has a writer of small files take lines from both streams.
func run(file string, seed uint64, from, to int, wait func(stream string, i int)) {
	outR, outW := io.Pipe()
	errR, errW := io.Pipe()
	go produce(outW, seed, from, to, func(i int) { wait("stdout", i) })
	go produce(errW, seed+1, from, to, func(i int) { wait("stderr", i) })
	limited(file, smallFile).write(outR, errR)
}

// A reader finds the lines that there are at one moment, whatever the writer does meanwhile: one without a gap.
func TestReadWhileFilesAreRotated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	var ended atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !ended.Load() {
				n := newNumbered(t, "a reader")
				if err := Read(t.Context(), file, ReadOptions{Tail: -1}, func(e Entry) error {
					n.add(e, true)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	const count = 6000
	for i := range 4 {
		run(file, uint64(i), i*count/4, (i+1)*count/4, func(string, int) {})
	}
	ended.Store(true)
	readers.Wait()
}

// A follower goes through the files in order: nothing is lost and nothing comes twice while it is not slower than files
// are removed.
func TestFollowWhileFilesAreRotated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	const count, ahead = 3000, 100 // of each stream: far less than a file
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	moved := sync.NewCond(&mu)
	n := newNumbered(t, "a follower")
	followed := make(chan error)
	go func() {
		followed <- Read(ctx, file, ReadOptions{Tail: -1, Follow: true}, func(e Entry) error {
			mu.Lock()
			defer mu.Unlock()
			if e.Missing > 0 {
				t.Errorf("%d files are missing", e.Missing)
			}
			n.add(e, false)
			moved.Broadcast()
			return nil
		})
	}()
	for i := range 3 {
		run(file, uint64(i), i*count/3, (i+1)*count/3, func(stream string, line int) {
			mu.Lock()
			defer mu.Unlock()
			for line > n.next[stream]+ahead {
				moved.Wait()
			}
		})
	}
	mu.Lock()
	for n.next["stdout"] < count || n.next["stderr"] < count {
		moved.Wait()
	}
	mu.Unlock()
	cancel()
	if err := <-followed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A follower that is too slow is told where lines are missing, and only there.
func TestFollowTooSlowly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	write := func(from, to int) { run(file, 1, from, to, func(string, int) {}) }
	n := newNumbered(t, "a slow follower")
	missing := 0
	const first, second = 10, 30000
	write(0, first)
	err := Read(ctx, file, ReadOptions{Tail: -1, Follow: true}, func(e Entry) error {
		missing += e.Missing
		n.add(e, false)
		switch {
		case n.next["stdout"] == first && n.next["stderr"] == first && missing == 0:
			write(first, second)
		case n.next["stdout"] == second || n.next["stderr"] == second: // the last of the other one may be missing
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if missing == 0 {
		t.Error("missing lines are not reported")
	}
	t.Logf("%d files are missing", missing)
}

// While files are open, they are read, though they have been removed.
func TestFollowerKeepsFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	c := &chain{file: file}
	defer c.close()
	const files = 2 * maxAhead
	w := limited(file, 1000)
	for range files {
		w.take(&stream{name: "stdout"}, []byte(strings.Repeat("x", 900)+"\n"), false)
		if err := c.look(); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	if len(c.files) != maxAhead {
		t.Errorf("%d files are open", len(c.files))
	}
	for i, f := range c.files {
		if got, want := numberOf(f), files-maxAhead+i; got != want {
			t.Errorf("number %d, want %d", got, want)
		}
	}
}

// await waits until the file ends with the text.
func await(t *testing.T, file, text string) {
	t.Helper()
	for range 1000 {
		if data, _ := os.ReadFile(file); strings.HasSuffix(string(data), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s doesn't end with %q", file, text)
}

// The beginning of a line is in the log though nobody knows yet whether more comes; then it is one line.
func TestLastWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		Write(file, r, strings.NewReader(""))
		close(done)
	}()
	_, _ = io.WriteString(w, "last words")
	await(t, file, " stdout P last words\n")
	begun := read(t, file, ReadOptions{Tail: -1})
	if len(begun) != 1 || begun[0].Text != "last words" || begun[0].Time.IsZero() {
		t.Errorf("%v", begun)
	}
	_, _ = io.WriteString(w, " and more\nnext")
	await(t, file, " stdout P next\n")
	_ = w.Close()
	<-done
	got := read(t, file, ReadOptions{Tail: -1})
	if len(got) != 2 || got[0].Text != "last words and more" || got[1].Text != "next" {
		t.Errorf("%v", got)
	}
	if !got[0].Time.Equal(begun[0].Time) {
		t.Errorf("the line came at %v, its beginning at %v", got[0].Time, begun[0].Time)
	}
	// The writer was killed, and the next one goes on.
	if err := os.WriteFile(file, []byte("2026-01-01T00:00:00Z stdout P killed\n2026-01-01T00:00:00Z stderr F to"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, file, "again\n", "")
	if got := read(t, file, ReadOptions{Tail: -1}); len(got) != 3 || got[0].Text != "to" || got[1].Text != "killed" || got[2].Text != "again" {
		t.Errorf("%v", got)
	}
}

// A follower shows the beginning of a line that stays without its end, and its end only once.
func TestFollowLastWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	r, w := io.Pipe()
	go Write(file, r, strings.NewReader(""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, _ = io.WriteString(w, "before\nprompt: ")
	await(t, file, "P prompt: \n")
	var got []string
	err := Read(ctx, file, ReadOptions{Tail: 1, Follow: true}, func(e Entry) error {
		switch got = append(got, e.Text); e.Text {
		case "prompt: ":
			_, _ = io.WriteString(w, "\nwait")
		case "wait":
			_, _ = io.WriteString(w, "ed\nend\n")
		case "end":
			cancel()
		}
		return nil
	})
	if want := "prompt: |wait|ed|end"; strings.Join(got, "|") != want || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", got, err)
	}
}
