package logs

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// raw is an entry as it is in a file.
type raw struct {
	at     time.Time
	stream string
	// partial says that the line goes on in the next entry of the stream; run that a writer begins here, and no line goes on
	// across this entry.
	partial, run bool
	// number is how many files there were before the one that this entry begins; 0 where it doesn't tell.
	number int
	text   []byte
}

// parse reads an entry. It is none in a file of another format.
func parse(line []byte) (e raw, ok bool) {
	const all = 4
	fields := bytes.SplitN(line, []byte(" "), all)
	if len(fields) != all {
		return e, false
	}
	e.stream, e.text = string(fields[1]), fields[3]
	if e.stream != "stdout" && e.stream != "stderr" {
		return e, false
	}
	tag, more, _ := strings.Cut(string(fields[2]), ":")
	if tag != "F" && tag != "P" {
		return e, false
	}
	e.partial = tag == "P"
	for _, t := range strings.Split(more, ":") {
		if n, is := strings.CutPrefix(":"+t, fileTag); is {
			e.number, _ = strconv.Atoi(n)
		}
		e.run = e.run || ":"+t == runTag
	}
	at, err := time.Parse(time.RFC3339Nano, string(fields[0]))
	e.at = at
	return e, err == nil
}

// numberOf returns how many files there were before f, 0 where it doesn't tell.
func numberOf(f *os.File) int {
	var head [128]byte
	n, _ := f.ReadAt(head[:], 0)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	e, ok := parse(line)
	if !ok {
		return 0
	}
	return e.number
}
