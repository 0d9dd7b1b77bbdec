package logs

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// raw is an entry of a file.
type raw struct {
	at     time.Time
	stream string
	// partial says that the line continues in the next entry of the stream; run that a new writer begins here, so that no line
	// continues across this entry.
	partial, run bool
	// number is the number of files before the one that this entry begins; 0 where it has no tag.
	number int
	text   []byte
}

// parse reads an entry. It fails for lines of another format.
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

// numberOf returns the number of files before f, 0 where it has no tag.
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
