package view

import (
	"encoding/json"
	"fmt"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/resource"
)

// UsageRow is the usage of a resource with all its descendants. Unknown numbers are negative; no limit is 0.
type UsageRow struct {
	Path resource.Path
	// CPU is in percent of one processor.
	CPU                 float64
	Memory, MemoryLimit int64
	Swap                int64
	SwapLimit           *int64 // 0 is one: no swap at all; nil for none
	PIDs, PIDsLimit     int64
}

// MarshalJSON leaves out unknown numbers and absent limits, so that sums are right.
func (r UsageRow) MarshalJSON() ([]byte, error) {
	row := struct {
		Path        resource.Path `json:"path"`
		CPU         *float64      `json:"cpuPercent,omitempty"`
		Memory      *int64        `json:"memory,omitempty"`
		MemoryLimit int64         `json:"memoryLimit,omitempty"`
		Swap        *int64        `json:"swap,omitempty"`
		SwapLimit   *int64        `json:"swapLimit,omitempty"`
		PIDs        *int64        `json:"pids,omitempty"`
		PIDsLimit   int64         `json:"pidsLimit,omitempty"`
	}{Path: r.Path, MemoryLimit: r.MemoryLimit, SwapLimit: r.SwapLimit, PIDsLimit: r.PIDsLimit}
	if r.CPU >= 0 {
		row.CPU = &r.CPU
	}
	if r.Memory >= 0 {
		row.Memory = &r.Memory
	}
	if r.Swap >= 0 {
		row.Swap = &r.Swap
	}
	if r.PIDs >= 0 {
		row.PIDs = &r.PIDs
	}
	return json.Marshal(row)
}

// Usage prints a table of the resources' usage.
func (v *View) Usage(rows []UsageRow) {
	if len(rows) == 0 {
		v.printf("Nothing is recorded.\n")
		return
	}
	v.columns([]string{"PATH", "CPU %", "MEMORY", "LIMIT", "SWAP", "LIMIT", "PIDS", "LIMIT"}, func(add func(...string)) {
		for _, r := range rows {
			cpu := "-"
			if r.CPU >= 0 {
				cpu = fmt.Sprintf("%.1f", r.CPU)
			}
			swapLimit := "-"
			if r.SwapLimit != nil {
				swapLimit = bytesText(*r.SwapLimit, true)
			}
			add(string(r.Path), cpu, bytesText(r.Memory, r.Memory >= 0), bytesText(r.MemoryLimit, r.MemoryLimit > 0),
				bytesText(r.Swap, r.Swap >= 0), swapLimit, countText(r.PIDs, r.PIDs >= 0), countText(r.PIDsLimit, r.PIDsLimit > 0))
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
