package view

import (
	"fmt"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/realm"
)

// UsageRow is what a resource, with all below it, uses. What isn't known is negative; no limit is 0.
type UsageRow struct {
	Path realm.Path `json:"path"`
	// CPU is in percent of one processor.
	CPU         float64 `json:"cpuPercent"`
	Memory      int64   `json:"memory"`
	MemoryLimit int64   `json:"memoryLimit,omitempty"`
	PIDs        int64   `json:"pids"`
	PIDsLimit   int64   `json:"pidsLimit,omitempty"`
}

// Usage prints a table of what resources use.
func (v *View) Usage(rows []UsageRow) {
	if len(rows) == 0 {
		v.printf("Nothing is recorded.\n")
		return
	}
	v.columns([]string{"PATH", "CPU %", "MEMORY", "LIMIT", "PIDS", "LIMIT"}, func(add func(...string)) {
		for _, r := range rows {
			cpu := "-"
			if r.CPU >= 0 {
				cpu = fmt.Sprintf("%.1f", r.CPU)
			}
			add(string(r.Path), cpu, bytesText(r.Memory, r.Memory >= 0), bytesText(r.MemoryLimit, r.MemoryLimit > 0), countText(r.PIDs, r.PIDs >= 0), countText(r.PIDsLimit, r.PIDsLimit > 0))
		}
	})
}

func bytesText(n int64, known bool) string {
	if !known {
		return "-"
	}
	return units.BytesSize(float64(n))
}

func countText(n int64, known bool) string {
	if !known {
		return "-"
	}
	return fmt.Sprint(n)
}
