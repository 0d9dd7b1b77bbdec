package volume

import (
	"bytes"
	"context"
	"iter"

	fscopy "github.com/containerd/continuity/fs"
)

// Size returns the bytes that the files below the directory take on disk, those with several names once.
func Size(dir string) (int64, error) {
	usage, err := fscopy.DiskUsage(context.Background(), dir)
	return usage.Size, err
}

// splitNames yields the names in a list of the system call listxattr.
func splitNames(list []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range bytes.SplitSeq(list, []byte{0}) {
			if len(name) > 0 && !yield(string(name)) {
				return
			}
		}
	}
}
