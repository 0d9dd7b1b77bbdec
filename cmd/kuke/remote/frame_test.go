package remote

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	w := &frameWriter{w: &b}
	contents := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("y"), 3*chunk)}
	for _, content := range contents {
		if err := w.write(frameOut, content); err != nil {
			t.Fatal(err)
		}
	}
	whole := b.Bytes()
	for _, content := range contents {
		kind, got, err := readFrame(&b)
		if err != nil || kind != frameOut || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %c, %d bytes, %v", len(content), kind, len(got), err)
		}
	}
	if _, _, err := readFrame(&b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, _, err := readFrame(bytes.NewReader(whole[:8])); err != nil {
		t.Errorf("the empty frame: %v", err)
	}
	if _, _, err := readFrame(bytes.NewReader(whole[5:10])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("within a frame: %v", err)
	}
	if _, _, err := readFrame(strings.NewReader("o\xff\xff\xff\xff")); !errors.Is(err, errTooLarge) {
		t.Errorf("4 GiB: %v", err)
	}
}

// FuzzReadFrame makes sure that no peer makes the other one take more memory than a frame may.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("o\x00\x00\x00\x01x"))
	f.Add([]byte("o\x0f\xff\xff\xffx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			_, content, err := readFrame(r)
			if err != nil {
				return
			}
			if len(content) > len(data) {
				t.Fatalf("%d bytes of %d", len(content), len(data))
			}
		}
	})
}

// An installation is refused where the program would not run.
func TestRunsHere(t *testing.T) {
	for _, c := range []struct {
		system, machine string
		runs            bool
	}{{"Linux", machines[runtime.GOARCH], true}, {"Linux", "mips", false}, {"Darwin", machines[runtime.GOARCH], false}, {"", "", false}} {
		err := (&versionError{system: c.system, machine: c.machine}).runsHere()
		if (err == nil) != c.runs {
			t.Errorf("%s on %s: %v", c.system, c.machine, err)
		}
	}
}

// The fish shell reads the words of [quote] as sh does: a quote is one in double quotes.
func TestQuote(t *testing.T) {
	if got, want := quote("it's $x"), `'it'"'"'s $x'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
