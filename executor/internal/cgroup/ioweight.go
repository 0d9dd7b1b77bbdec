package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// weightFile is the file that holds the weight of block I/O, and its scale. Kernels differ: the file depends on the I/O
// scheduler. The zero value means that there is no file.
type weightFile struct {
	file string
	// scale and unscale convert between 1..10000 with a default of 100 and the file's own range.
	scale, unscale func(int64) int64
	prefix         string
}

// weightFiles are the known files, the best first. hint is a file of the root cgroup, which has no weight itself, that exists
// where its children have a weight.
var weightFiles = map[string][]struct {
	weightFile
	hint string
}{
	V2: {
		{weightFile{"io.weight", same, same, "default "}, "io.cost.qos"},
		{weightFile{"io.bfq.weight", toBFQ, fromBFQ, "default "}, ""},
	},
	V1: {
		{weightFile{"blkio.weight", toCFQ, fromCFQ, ""}, ""},
		{weightFile{"blkio.bfq.weight", toBFQ, fromBFQ, ""}, "blkio.bfq.io_serviced"},
	},
}

func same(w int64) int64 { return w }

// BFQ takes 1 to 1000 with a default of 100.
func toBFQ(w int64) int64 {
	if w <= defaultWeight {
		return w
	}
	return defaultWeight + (w-defaultWeight)/11
}

func fromBFQ(w int64) int64 {
	if w <= defaultWeight {
		return w
	}
	return defaultWeight + (w-defaultWeight)*11
}

// CFQ took 10 to 1000 with a default of 500.
func toCFQ(w int64) int64   { return min(max(w*5, 10), 1000) }
func fromCFQ(w int64) int64 { return w / 5 }

// findWeightFile searches the root cgroup's children or, when there are none, the root itself.
func (t *Tree) findWeightFile() weightFile {
	dir := t.dir("io")
	if dir == "" {
		return weightFile{}
	}
	for _, known := range weightFiles[t.mode] {
		matches, err := filepath.Glob(filepath.Join(dir, "*", known.file))
		if err == nil && len(matches) > 0 {
			return known.weightFile
		}
		if known.hint == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, known.hint)); err == nil {
			return known.weightFile
		}
	}
	return weightFile{}
}

// format spells out a weight, 0 being the default.
func (f weightFile) format(weight int64) string {
	if f.file == "" {
		return ""
	}
	if weight == 0 {
		weight = defaultWeight
	}
	return f.prefix + strconv.FormatInt(f.scale(weight), 10)
}

// parse reads the first line of the file; the lines below it are of single devices.
func (f weightFile) parse(s string) int64 {
	if f.file == "" {
		return 0
	}
	line, _, _ := strings.Cut(s, "\n")
	n := number(strings.TrimPrefix(line, "default "))
	if n == 0 {
		return 0
	}
	return withoutDefault(f.unscale(n))
}
