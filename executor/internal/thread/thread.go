// Package thread runs functions on threads of their own, for functions that change the namespaces of a thread.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Run runs f on a thread that ends with it, so that no other goroutine runs in the namespaces that f enters, and returns the
// error of f. Goroutines that f starts run on other threads. f has to return: it must not call [runtime.Goexit].
func Run(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends, and /proc/self would show its namespace. So it is kept busy meanwhile.
			failed <- Run(f)
			runtime.UnlockOSThread()
			return
		}
		// Never unlocked, which ends the thread.
		failed <- f()
	}()
	return <-failed
}
