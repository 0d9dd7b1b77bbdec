// Package thread runs functions on threads of their own, for those that change what the kernel keeps per thread: the
// namespaces that it is in.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Run runs f on a thread that ends with it, so that no other goroutine finds itself in the namespaces that f enters, and
// returns what f returns. Goroutines that f starts run elsewhere. f has to return: [runtime.Goexit] is not for it.
func Run(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends, and /proc/self would show its namespace. It is kept busy meanwhile.
			failed <- Run(f)
			runtime.UnlockOSThread()
			return
		}
		// Never unlocked, which ends the thread.
		failed <- f()
	}()
	return <-failed
}
