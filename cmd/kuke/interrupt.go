package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interrupts turns Ctrl-C, SIGTERM and the loss of the terminal into an orderly end: the first ends everything that can be given up at
// once, but lets changes under way finish (see [interrupts.DeferCancel]); the second ends everything.
type interrupts struct {
	first  chan struct{} // closed at the first signal
	cancel context.CancelFunc
	stop   func()

	mu       sync.Mutex
	deferred bool
}

// hardLimit is how long a command has from the second signal until the process ends, whatever it waits for: a call that is
// not answered, or somebody who doesn't read its output.
const hardLimit = 1800 * time.Millisecond

func watchInterrupts(ctx context.Context, a *app) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancel(ctx)
	const room = 4 // signals that come before one looks
	signals := make(chan os.Signal, room)
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// Whoever starts a command with nohup wants it to outlive the terminal.
	if !signal.Ignored(syscall.SIGHUP) {
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	i := &interrupts{first: make(chan struct{}), cancel: cancel}
	i.stop = func() {
		signal.Stop(signals)
		cancel()
	}
	go i.watch(a, signals)
	return ctx, i
}

func (i *interrupts) watch(a *app, signals <-chan os.Signal) {
	<-signals
	close(i.first)
	i.mu.Lock()
	deferred := i.deferred
	i.mu.Unlock()
	if deferred {
		// Somebody may have to be waited for who doesn't read.
		go a.note("Interrupted. kuke finishes the running changes, each replacement as a whole, starts no others, and stops waiting for health checks. Press Ctrl-C again to stop at once.")
	} else {
		i.cancel()
	}
	awaitAnother(signals)
	i.cancel()
	exitSoon(func() {})
	awaitAnother(signals)
	os.Exit(exitInterrupted)
}

// exitSoon ends the process, unless it ends by itself before, after a call of last.
func exitSoon(last func()) {
	time.AfterFunc(hardLimit, func() {
		last()
		os.Exit(exitInterrupted)
	})
}

// awaitAnother waits for a signal that somebody sends on purpose. Those of a terminal that is gone don't count: the kernel
// sends them, and so does the shell.
func awaitAnother(signals <-chan os.Signal) {
	for {
		if s := <-signals; s != syscall.SIGHUP {
			return
		}
	}
}

// DeferCancel makes the first signal close first and leave the context alone.
func (i *interrupts) DeferCancel() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deferred = true
}

// First is closed at the first signal.
func (i *interrupts) First() <-chan struct{} { return i.first }

func (i *interrupts) happened() bool {
	select {
	case <-i.first:
		return true
	default:
		return false
	}
}
