package tty

import (
	"bufio"
	"context"
	"errors"
)

// ErrTooLong is the error of a line that is longer than allowed.
var ErrTooLong = errors.New("the line is too long")

// ReadLine reads a line of at most limit bytes with its line break, and gives up when ctx ends. At the end of the input it
// returns the rest of it, and io.EOF.
func ReadLine(ctx context.Context, in *bufio.Reader, limit int) (string, error) {
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		var line []byte
		for {
			part, err := in.ReadSlice('\n')
			line = append(line, part...)
			if len(line) > limit {
				err = ErrTooLong
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				read <- result{line, err}
				return
			}
		}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-read:
		return string(got.line), got.err
	}
}
