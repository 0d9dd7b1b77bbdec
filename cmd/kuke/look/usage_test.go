package look

import (
	"testing"
	"time"

	"github.com/kukeon/kuke/executor"
)

func TestCPU(t *testing.T) {
	usage := func(cpu time.Duration) *executor.Usage { return &executor.Usage{CPU: cpu} }
	for _, test := range []struct {
		name          string
		before, after *executor.Usage
		want          float64
	}{
		{"half of a processor", usage(time.Second), usage(2 * time.Second), 50},
		{"idle", usage(time.Second), usage(time.Second), 0},
		{"created in between", nil, usage(time.Second), -1},
		{"removed in between", usage(time.Second), nil, -1},
		{"created again in between", usage(2 * time.Second), usage(time.Second), -1},
		{"unknown", usage(-1), usage(-1), -1},
	} {
		s := Sample{Before: test.before, After: test.after, Elapsed: 2 * time.Second}
		if got := s.CPU(); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
