package tty

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// PassSignals sends the signals that this process gets to a channel. The second Ctrl-C calls kill instead.
func PassSignals(signals chan<- syscall.Signal, kill func()) (stop func()) {
	caught := make(chan os.Signal, 4)
	signal.Notify(caught, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	done := make(chan struct{})
	go func() {
		interrupts := 0
		for {
			select {
			case <-done:
				return
			case s := <-caught:
				if s == unix.SIGINT {
					interrupts++
				}
				if interrupts > 1 {
					// A process that hangs in the kernel doesn't end: the next signal ends kuke.
					signal.Stop(caught)
					kill()
					return
				}
				select {
				case signals <- s.(syscall.Signal):
				case <-done:
					return
				}
			}
		}
	}()
	return func() {
		signal.Stop(caught)
		close(done)
	}
}
