package executor

import "testing"

func TestExhausted(t *testing.T) {
	at := func(name string, used, limit int64) level {
		return level{name: name, used: map[string]int64{"pids": used, "memory": used}, limits: map[string]int64{"pids": limit, "memory": limit}}
	}
	const mib = 1 << 20
	tests := []struct {
		name       string
		levels     []level
		controller string
		sure       bool
		want       string
	}{
		{"no limit", []level{at("container a", 100, 0)}, "pids", true, ""},
		{"much room", []level{at("container a", 100, 200), at("cell c", 100, 0)}, "pids", false, ""},
		{"the level with the least room", []level{at("container a", 2, 20), at("cell c", 16, 19), at("realm r", 30, 100)}, "pids", false,
			"the pids limit of cell c is too low to start another process: 16 of 19 in use. Raise resources.pids of cell c"},
		{"in vain, whatever room", []level{at("container a", 0, 64*mib)}, "memory", true,
			"the memory limit of container a is too low to start another process: 0B of 64MiB in use. Raise resources.memory of container a"},
		{"less than runc itself may take", []level{at("container a", 0, 16*mib)}, "memory", false,
			"the memory limit of container a is too low to start another process: 0B of 16MiB in use. Raise resources.memory of container a"},
		{"enough memory", []level{at("container a", 0, 64*mib)}, "memory", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exhausted(tt.levels, tt.controller, tt.sure); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
