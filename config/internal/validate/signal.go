package validate

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/internal/message"
)

// normalSignal reads TERM, SIGTERM, 15 or RTMIN+3, and returns the full name.
func normalSignal(s string) (string, error) {
	number, err := strconv.Atoi(s)
	if err != nil {
		number = signalNumber(strings.ToUpper(s))
	}
	switch {
	case number == realtimeMin:
		return "SIGRTMIN", nil
	case number > realtimeMin && number <= realtimeMax:
		return fmt.Sprintf("SIGRTMIN+%d", number-realtimeMin), nil
	case number > 0 && number < 32:
		if name := unix.SignalName(unix.Signal(number)); name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no signal %q; write its name, such as TERM, QUIT or RTMIN+3, or its number", message.Shorten(s))
}

// The signals that have no names of their own, as C libraries count them.
const realtimeMin, realtimeMax = 34, 64

// signalNumber returns the number of the signal with the given name in upper case, or 0 if there is none.
func signalNumber(name string) int {
	name = strings.TrimPrefix(name, "SIG")
	if offset, ok := strings.CutPrefix(name, "RTMIN"); ok {
		return realtimeSignal(realtimeMin, offset, "+")
	}
	if offset, ok := strings.CutPrefix(name, "RTMAX"); ok {
		return realtimeSignal(realtimeMax, offset, "-")
	}
	return int(unix.SignalNum("SIG" + name))
}

func realtimeSignal(base int, offset, sign string) int {
	if offset == "" {
		return base
	}
	n, err := strconv.ParseInt(offset, 10, 8)
	if err != nil || !strings.HasPrefix(offset, sign) || base+int(n) < realtimeMin || base+int(n) > realtimeMax {
		return 0
	}
	return base + int(n)
}
