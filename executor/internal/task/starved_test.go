package task

import (
	"errors"
	"slices"
	"testing"
)

func TestStarved(t *testing.T) {
	tests := []struct {
		text string
		want []string
		sure bool
	}{
		{"start container s_t_c_side: can't get final child's PID from pipe: EOF", []string{"pids", "memory"}, false},
		{"run a command in container s_t_c_root: read init-p: connection reset by peer", []string{"pids", "memory"}, false},
		{"fork/exec /proc/self/exe: resource temporarily unavailable", []string{"pids"}, true},
		{"container init was OOM-killed (memory limit too low?)", []string{"memory"}, true},
		{"unable to set memory limit to 4096 (current usage: 8192, peak usage: 8192)", []string{"memory"}, true},
		{"read init-p: EOF (possibly OOM-killed)", []string{"pids", "memory"}, false},
		{`exec: "nosuch": executable file not found in $PATH`, nil, false},
	}
	for _, tt := range tests {
		if got, sure := Starved(errors.New(tt.text)); !slices.Equal(got, tt.want) || sure != tt.sure {
			t.Errorf("%s: %v, %v", tt.text, got, sure)
		}
	}
	if got, _ := Starved(nil); got != nil {
		t.Errorf("no error: %v", got)
	}
}
