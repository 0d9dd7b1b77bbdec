package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts turns Ctrl-C and SIGTERM into an orderly end: the first ends what can be given up at once, but
// lets changes under way finish (see [interrupts.deferCancel]); the second ends everything.
type interrupts struct {
	first  chan struct{} // closed at the first signal
	cancel context.CancelFunc
	stop   func()

	mu       sync.Mutex
	deferred bool
}

func watchInterrupts(ctx context.Context, a *app) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	i := &interrupts{first: make(chan struct{}), cancel: cancel}
	i.stop = func() {
		signal.Stop(signals)
		cancel()
	}
	go func() {
		<-signals
		close(i.first)
		i.mu.Lock()
		if i.deferred {
			a.errs.Note("Interrupted: changes under way are finished and recorded, no further ones begun. Press Ctrl-C again to give them up.")
			i.mu.Unlock()
			<-signals
		} else {
			i.mu.Unlock()
		}
		// What doesn't heed the context, such as reading from a pipe, is ended by the next signal.
		signal.Stop(signals)
		cancel()
	}()
	return ctx, i
}

// deferCancel makes the first signal close first and leave the context alone.
func (i *interrupts) deferCancel() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deferred = true
}

func (i *interrupts) happened() bool {
	select {
	case <-i.first:
		return true
	default:
		return false
	}
}
