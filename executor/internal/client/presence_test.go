package client

import (
	"os"
	"sync"
	"testing"

	"github.com/kukeon/kuke/executor/lab"
)

// However many come and go while somebody tidies up, the directory of a process that lives stays, and nothing is left.
func TestPresence(t *testing.T) {
	if !lab.Inside() {
		t.Skip("needs a lab: root and a /run of its own")
	}
	const processes, rounds = 4, 50
	over := make(chan struct{})
	tidied := make(chan struct{})
	go func() {
		defer close(tidied)
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := removeDead(func(string) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	}()
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			for round := range rounds {
				var p presence
				dir, err := p.path()
				if err != nil || !isPresent(dir) {
					t.Errorf("%s is gone: %v", dir, err)
					return
				}
				if round%2 == 0 {
					_ = p.dir.Close() // as a process does that is killed
					continue
				}
				if err := p.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	close(over)
	<-tidied
	err := removeDead(func(string) error { return nil })
	if left, _ := os.ReadDir(processesDir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
