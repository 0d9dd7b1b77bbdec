package remote

import (
	"encoding/binary"
	"os"
	"sync"
)

// queue holds input that the command has not read yet, so that signals overtake it. The caller sends no more than it has credit
// for.
type queue struct {
	to     *os.File
	credit *frameWriter
	// closes says that the end of the input is that of the file: a terminal has none.
	closes bool

	mu    sync.Mutex
	some  *sync.Cond
	data  []byte
	ended bool
}

func newQueue(to *os.File, credit *frameWriter, closes bool) *queue {
	q := &queue{to: to, credit: credit, closes: closes}
	q.some = sync.NewCond(&q.mu)
	return q
}

// add appends input; none is the end of it. A caller that sends more than it may loses it.
func (q *queue) add(data []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.data) <= window {
		q.data = append(q.data, data...)
	}
	q.ended = q.ended || len(data) == 0
	q.some.Signal()
}

// run writes the input to the command, until it ends or the command reads no more.
func (q *queue) run() {
	if q.closes {
		defer q.to.Close()
	}
	for {
		q.mu.Lock()
		for len(q.data) == 0 && !q.ended {
			q.some.Wait()
		}
		data := q.data
		q.data = nil
		q.mu.Unlock()
		if len(data) == 0 {
			return
		}
		if _, err := q.to.Write(data); err != nil {
			return
		}
		if q.credit.write(frameCredit, binary.BigEndian.AppendUint32(nil, uint32(len(data)))) != nil {
			return
		}
	}
}
