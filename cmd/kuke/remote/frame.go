package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// frameType is the first byte of a frame. Four bytes with the length of the content follow, the most significant first.
type frameType byte

// The frames of the caller.
const (
	frameRequest frameType = 'r' // a Request
	frameInput   frameType = 'i' // bytes for the input of the command; none is the end of the input
	frameSignal  frameType = 's' // the number of a signal for the command
	frameSize    frameType = 'w' // a new size of the terminal
)

// The frames of the host.
const (
	frameHello   frameType = 'h' // the host is ready for the request
	frameStarted frameType = 'b' // the command was started
	frameOut     frameType = 'o' // bytes of the standard output, or of the terminal
	frameErr     frameType = 'e' // bytes of the standard error
	frameCredit  frameType = 'c' // number of further bytes of input that the host takes
	frameFile    frameType = 'f' // a result
	frameFailed  frameType = 'x' // text of the error that kept the command from running
	frameExit    frameType = 'q' // exit status of the command: the last frame
)

// maxFrame bounds the content of a frame, in bytes: a request holds all files.
const maxFrame = 256 << 20

// chunk is the number of bytes of input or output that one frame carries.
const chunk = 32 << 10

// result is a file that the command wrote, as the number of it in [Request.Outputs].
type result struct {
	Output int
	Data   []byte
}

var errTooLarge = errors.New("a message is too large")

// frameWriter writes frames. It may be used by several goroutines.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) write(t frameType, content []byte) error {
	if len(content) > maxFrame {
		return errTooLarge
	}
	header := binary.BigEndian.AppendUint32([]byte{byte(t)}, uint32(len(content)))
	f.mu.Lock()
	defer f.mu.Unlock()
	// One write for small frames: none waits for the next.
	if len(content) <= chunk {
		_, err := f.w.Write(append(header, content...))
		return err
	}
	if _, err := f.w.Write(header); err != nil {
		return err
	}
	_, err := f.w.Write(content)
	return err
}

func (f *frameWriter) writeJSON(t frameType, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return f.write(t, data)
}

// readFrame returns the next frame. The error is [io.EOF] only between two frames.
func readFrame(r io.Reader) (frameType, []byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length > maxFrame {
		return 0, nil, errTooLarge
	}
	// It takes memory as it comes, whatever the header says.
	content, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil || len(content) < int(length) {
		return 0, nil, fmt.Errorf("the connection was lost within a message: %w", io.ErrUnexpectedEOF)
	}
	return frameType(header[0]), content, nil
}
