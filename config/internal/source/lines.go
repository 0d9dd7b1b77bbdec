package source

import (
	"bytes"
	"sort"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
)

// lines finds positions in a source, each in about constant time, however long the lines are.
type lines struct {
	file   string
	data   []byte
	starts []int // byte offset of each line
	runes  []int // number of characters before each block of blockSize bytes
}

// Between returns the range between two byte offsets of a file.
func Between(file string, data []byte, start, end int) resource.Range {
	return newLines(file, data).at(start, end)
}

const blockSize = 1024

func newLines(file string, data []byte) *lines {
	l := &lines{file: file, data: data, starts: []int{0}}
	count := 0
	for i, b := range data {
		if i%blockSize == 0 {
			l.runes = append(l.runes, count)
		}
		if utf8.RuneStart(b) {
			count++
		}
		if b == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	l.runes = append(l.runes, count)
	return l
}

// before returns the number of characters that begin before the byte offset.
func (l *lines) before(offset int) int {
	block := offset / blockSize
	count := l.runes[block]
	for _, b := range l.data[block*blockSize : offset] {
		if utf8.RuneStart(b) {
			count++
		}
	}
	return count
}

// end returns the byte offset of the end of the line, counted from 1, without its line feed.
func (l *lines) end(line int) int {
	if line < len(l.starts) {
		return l.starts[line] - 1
	}
	return len(l.data)
}

// offset returns the byte offset of the character in the given column of the line, both counted from 1; that of the
// nearest place that exists where there is none.
func (l *lines) offset(line, column int) int {
	line = min(max(line, 1), len(l.starts))
	start, end := l.starts[line-1], l.end(line)
	want := l.before(start) + max(column, 1) - 1
	// The last block with at most that many characters before it holds the place.
	block := sort.Search(len(l.runes), func(i int) bool { return l.runes[i] > want }) - 1
	i := block * blockSize
	for count := l.runes[block]; i < end; i++ {
		if !utf8.RuneStart(l.data[i]) {
			continue
		}
		if count == want {
			break
		}
		count++
	}
	return max(start, min(i, end))
}

func (l *lines) pos(offset int) resource.Pos {
	offset = min(max(offset, 0), len(l.data))
	line := sort.SearchInts(l.starts, offset+1)
	return resource.Pos{Line: line, Column: l.before(offset) - l.before(l.starts[line-1]) + 1, Byte: offset}
}

// at returns the range between two byte offsets.
func (l *lines) at(start, end int) resource.Range {
	return resource.Range{File: l.file, Start: l.pos(start), End: l.pos(max(start, end))}
}

// rest returns the range of the text of the line, without the space around it.
func (l *lines) rest(line int) resource.Range {
	line = min(max(line, 1), len(l.starts))
	start := l.starts[line-1]
	text := l.data[start:l.end(line)]
	start += len(text) - len(bytes.TrimLeft(text, " \t"))
	return l.at(start, start+len(bytes.TrimSpace(text)))
}
