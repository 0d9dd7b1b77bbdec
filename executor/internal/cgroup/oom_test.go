package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOOM(t *testing.T) {
	for _, tc := range []struct {
		mode  string
		files map[string]string
		want  OOM
	}{
		{
			V2, map[string]string{
				"memory.events":       "low 0\nhigh 0\nmax 40\noom 5\noom_kill 3\noom_group_kill 0\n",
				"memory.events.local": "low 0\nhigh 0\nmax 40\noom 2\noom_kill 1\noom_group_kill 0\n",
			}, OOM{Kills: 3, Hits: 2, HitsBelow: 5},
		},
		{
			V1, map[string]string{
				"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "memory.failcnt": "7\n", "memory.memsw.failcnt": "1\n",
			}, OOM{Kills: 2, Hits: 8, HitsBelow: 8},
		},
		{
			V1, map[string]string{
				"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "memory.failcnt": "0\n", "memory.memsw.failcnt": "0\n",
				"memory.max_usage_in_bytes": "4096\n", "memory.limit_in_bytes": "8192\n", "memory.memsw.max_usage_in_bytes": "8192\n", "memory.memsw.limit_in_bytes": "8192\n",
			}, OOM{Kills: 1, Hits: 1, HitsBelow: 1},
		},
		{
			V1, map[string]string{
				"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "memory.max_usage_in_bytes": "8192\n", "memory.limit_in_bytes": "9223372036854771712\n",
			}, OOM{Kills: 1},
		},
	} {
		mode := tc.mode
		root := t.TempDir()
		tree := fake(t, root, mode)
		if got, err := tree.OOM("/kukeon"); got != (OOM{}) || err != nil {
			t.Errorf("%s: %+v, %v without counters", mode, got, err)
		}
		for file, text := range tc.files {
			if err := os.WriteFile(filepath.Join(root, "kukeon", file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := tree.OOM("/kukeon"); got != tc.want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", mode, got, err, tc.want)
		}
		if got, err := tree.OOM("/kukeon/none"); got != (OOM{}) || err != nil {
			t.Errorf("%s: %+v, %v of nothing", mode, got, err)
		}
	}
}
