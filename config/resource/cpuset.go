package resource

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCPU is the highest number of a processor or memory node, that of the largest Linux kernels.
const maxCPU = 8191

// ParseCPUSet reads a list of processors or memory nodes as the kernel takes it: numbers and ranges, separated by commas.
func ParseCPUSet(s string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(s, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(low)
		last := first
		if ranged && err == nil {
			last, err = strconv.Atoi(high)
		}
		switch {
		case err != nil || first < 0:
			return nil, fmt.Errorf("%q is neither a number nor a range such as 0-3", part)
		case last < first:
			return nil, fmt.Errorf("the range %q ends before it begins", part)
		case last > maxCPU:
			return nil, fmt.Errorf("%d is above %d, the highest number that Linux knows", last, maxCPU)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// FormatCPUSet returns the list as the kernel writes it.
func FormatCPUSet(all []int) string {
	var parts []string
	for i := 0; i < len(all); {
		end := i
		for end+1 < len(all) && all[end+1] == all[end]+1 {
			end++
		}
		part := strconv.Itoa(all[i])
		if end > i {
			part += "-" + strconv.Itoa(all[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// ErrReservationAboveMemory is the error of [Resources.CheckReservation].
var ErrReservationAboveMemory = errors.New("the reservation of memory can't be more than the limit of memory")

// CheckReservation checks the reservation of memory against the limit of memory.
func (r *Resources) CheckReservation() error {
	if r.Memory != 0 && r.MemoryReservation > r.Memory {
		return ErrReservationAboveMemory
	}
	return nil
}
