package rootfs

import (
	"fmt"
	"os"
	"strings"
)

// Mount adds a mount of the source, a path of the host, or of a tmpfs where the source is empty. It returns the reason why
// the runtime could not mount it, as a predicate of the target, or "". Mounts are added in the order of the runtime.
func (v *View) Mount(target, source string, readOnly bool) (flaw string, err error) {
	m := mount{source: source, readOnly: readOnly}
	dir := true
	// The kernel's virtual file systems may differ from those that this view has at their places.
	if source == "/proc" || strings.HasPrefix(source, "/proc/") {
		m.opaque = true
	} else if source != "" {
		info, err := os.Stat(source)
		if err != nil {
			m.opaque = true // another check reports a missing source
		} else {
			dir = info.IsDir()
		}
	}
	at, err := v.find("/", target)
	if err != nil {
		return "", known(err)
	}
	m.at = at.path
	if !m.opaque {
		flaw = v.mountFlaw(at, dir)
	}
	v.mounts = append(v.mounts, m)
	return flaw, nil
}

// mountFlaw returns the reason why a directory, or a file, can't be mounted at the entry.
func (v *View) mountFlaw(at entry, dir bool) string {
	switch {
	case at.exists && dir && !at.mode.IsDir():
		return "is a file in the container, over which no directory can be mounted"
	case at.exists && !dir && at.mode.IsDir():
		return "is a directory in the container, over which no file can be mounted"
	case at.exists:
		return ""
	}
	above, err := v.lstat(at.above)
	if err != nil {
		return ""
	}
	if !above.mode.IsDir() {
		return fmt.Sprintf("is below %s, which is a file in the container", at.above)
	}
	if _, in := v.on(at.above); in != nil && in.readOnly {
		return fmt.Sprintf("does not exist, and can't be created in %s, which is mounted read-only", in.at)
	}
	return ""
}

// known returns err unless it is errUnknown.
func known(err error) error {
	if err == errUnknown {
		return nil
	}
	return err
}
