package main

import (
	"os/exec"
	"testing"
)

// On a terminal what is watched is drawn in place, with what there is to say of the host below it, until Ctrl-C.
func TestWatchOnTerminal(t *testing.T) {
	dir := crashHost(t)
	mustKuke(t, "apply", "--auto-approve", "-f", writeConfig(t, dir, "main.hcl", cells(1, "x")))
	const cleared = "\x1b[H\x1b[2J"
	watch := func(command string, sees ...string) {
		t.Helper()
		term := newTerminal(t, exec.Command("sh", "-c", "trap : INT; "+command+"; echo exited with $?"))
		for _, text := range sees {
			term.sees(text)
		}
		term.key("\x03")
		term.sees("exited with 130")
	}
	watch("NO_COLOR=1 kuke get -w", cleared+"crash  Ready", "└─ side  Ready")
	watch("kuke get containers -w", cleared+"PATH", "crash/s/t/c0/root   Ready")
	watch("kuke get realms -w --containerd /nonexistent", cleared+"PATH", "Unknown", "the socket does not exist")
	watch("kuke top --interval 100ms", cleared+"PATH", "crash/s/t/c0/root")
}
