package vm

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

//go:embed build.sh
var buildScript []byte

//go:embed agent.sh
var agentScript []byte

// Image is the disk of a host with its kernel and initrd.
type Image struct{ Disk, Kernel, Initrd string }

// Build returns the image of a Debian release, by its code name: bookworm is Debian 12, trixie Debian 13. It is built from the
// packages of the archive that this machine's apt uses, which takes a minute or more, and kept in the user's cache directory
// under a digest of the build scripts. Build needs root, mmdebstrap and e2fsprogs; the output of the build goes to standard
// error.
func Build(ctx context.Context, release string) (Image, error) {
	image, err := build(ctx, release)
	if err != nil {
		return Image{}, fmt.Errorf("build the image of Debian %s: %w", release, err)
	}
	return image, nil
}

func build(ctx context.Context, release string) (image Image, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Image{}, err
	}
	sum := sha256.Sum256(append(append([]byte(release+"\n"), buildScript...), agentScript...))
	parent := filepath.Join(cache, "kuke", "vm")
	dir := filepath.Join(parent, release+"-"+hex.EncodeToString(sum[:])[:16])
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return Image{}, err
	}
	lock := flock.New(filepath.Join(parent, release+".lock"))
	if err := lock.Lock(); err != nil {
		return Image{}, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	image = Image{Disk: filepath.Join(dir, "disk.raw"), Kernel: filepath.Join(dir, "vmlinuz"), Initrd: filepath.Join(dir, "initrd.img")}
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return image, err
	}
	if err := removeOthers(parent, release); err != nil {
		return Image{}, err
	}
	work, err := os.MkdirTemp(parent, release+"-new-")
	if err != nil {
		return Image{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	script := filepath.Join(work, "build.sh")
	if err := os.WriteFile(filepath.Join(work, "agent.sh"), agentScript, 0o755); err != nil {
		return Image{}, err
	}
	if err := os.WriteFile(script, buildScript, 0o755); err != nil {
		return Image{}, err
	}
	cmd := exec.CommandContext(ctx, "bash", script, release, work)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return Image{}, err
	}
	return image, os.Rename(work, dir)
}

// removeOthers removes the images of the release from other versions of the scripts, and the remains of killed builds.
func removeOthers(parent, release string) error {
	old, err := filepath.Glob(filepath.Join(parent, release+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
