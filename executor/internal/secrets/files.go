package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// root holds the secrets of containers, a file each in <realm>/<containerd id>/<name>: the id survives a rename of the
// container, as its mounts do. Like everything below /run, the files are in memory, and lost in a reboot.
const root = "/run/kukeon/secrets"

// formerMode is the mode of secrets without one that earlier versions of kuke have written. It stays until the file is written again.
const formerMode fs.FileMode = 0o400

func dirOf(r *state.Record) string {
	return filepath.Join(root, string(r.Path.Realm()), r.Status.ContainerID)
}

func fileOf(r *state.Record, s resource.Secret) string {
	return filepath.Join(dirOf(r), s.Name)
}

// Mounts returns the mounts of the container's secrets.
func Mounts(r *state.Record) []specs.Mount {
	var mounts []specs.Mount
	for _, s := range r.Spec.(*resource.Container).Secrets {
		mounts = append(mounts, specs.Mount{
			Destination: s.Target(), Type: "bind", Source: fileOf(r, s),
			Options: []string{"bind", "rprivate", "ro", "nosuid", "nodev", "noexec"},
		})
	}
	return mounts
}

// Write writes the files of the secrets of a container that runs as the user and the group, in place.
func (s *Vault) Write(r *state.Record, uid, gid int) error {
	s.files.Lock()
	defer s.files.Unlock()
	if err := makeDir(dirOf(r)); err != nil {
		return fmt.Errorf("write the secrets of container %s: %w", r.Path, err)
	}
	for _, secret := range r.Spec.(*resource.Container).Secrets {
		if err := s.writeFile(r, secret, uid, gid); err != nil {
			return fmt.Errorf("write the secret %s of container %s: %w", secret.Name, r.Path, err)
		}
	}
	return nil
}

// makeDir makes a directory that only root can list, and checks that it is in memory.
func makeDir(dir string) error {
	// The directories above are not secret.
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(root, 0o700)); err != nil { // the modes of the files let others read them
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if t := int64(st.Type); t != unix.TMPFS_MAGIC && t != unix.RAMFS_MAGIC {
		return errors.Join(fmt.Errorf("%s is not in memory: mount a tmpfs at /run", root), os.RemoveAll(dir))
	}
	return nil
}

// writeFile sets the value, mode and owner of the file of a secret, without a change of its inode.
func (s *Vault) writeFile(r *state.Record, secret resource.Secret, uid, gid int) error {
	f, err := os.OpenFile(fileOf(r, secret), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, secret.FileMode())
	if err != nil {
		return err
	}
	defer f.Close()
	key, err := s.loadKey()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return err
	}
	if key.Seal(string(data)) != secret.Digest {
		value, ok := s.Open(secret.Digest)
		if !ok {
			return errors.New("its value is unknown. Plan again with the configuration")
		}
		if _, err := f.WriteAt([]byte(value), 0); err != nil {
			return err
		}
		if err := f.Truncate(int64(len(value))); err != nil {
			return err
		}
	}
	uid, gid = secret.Owner(uid, gid)
	return errors.Join(f.Chown(uid, gid), f.Chmod(secret.FileMode()))
}

// Remove removes the files of the container's secrets.
func (s *Vault) Remove(r *state.Record) error {
	if r.Status.ContainerID == "" {
		return nil
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.RemoveAll(dirOf(r)); err != nil {
		return fmt.Errorf("remove the secrets of container %s: %w", r.Path, err)
	}
	_ = os.Remove(filepath.Dir(dirOf(r))) // the realm may have others
	_ = os.Remove(root)
	return nil
}

// Drift describes the drift of the file of a secret, or returns "".
func (s *Vault) Drift(r *state.Record, secret resource.Secret) (string, error) {
	if err := resource.CheckName(secret.Name); err != nil {
		return "", err
	}
	info, err := os.Lstat(fileOf(r, secret))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("the file of its secret %s is missing", secret.Name), nil
	}
	if err != nil {
		return "", fmt.Errorf("look at the secret %s of container %s: %w", secret.Name, r.Path, err)
	}
	if info.Mode() != secret.FileMode() && (secret.Mode != "" || info.Mode() != formerMode) {
		return fmt.Sprintf("the file of its secret %s has the mode %v", secret.Name, info.Mode()), nil
	}
	stat := info.Sys().(*syscall.Stat_t)
	if uid, gid := secret.Owner(int(stat.Uid), int(stat.Gid)); uid != int(stat.Uid) || gid != int(stat.Gid) {
		return fmt.Sprintf("the file of its secret %s belongs to %d:%d", secret.Name, stat.Uid, stat.Gid), nil
	}
	key, err := s.loadKey()
	if err != nil || s.fresh { // a new key can't compare
		return "", err
	}
	data, err := os.ReadFile(fileOf(r, secret))
	if err != nil {
		return "", fmt.Errorf("look at the secret %s of container %s: %w", secret.Name, r.Path, err)
	}
	if key.Seal(string(data)) != secret.Digest {
		return fmt.Sprintf("the file of its secret %s was edited", secret.Name), nil
	}
	return "", nil
}

// File is the file of a secret on one host, for the same containers on another.
type File struct {
	Path     string      `json:"path"`
	Mode     fs.FileMode `json:"mode"`
	Data     []byte      `json:"data"`
	UID, GID int
}

// ReadFile returns the file of a secret; the path is one that this package [Owns].
func ReadFile(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return File{Path: path, Mode: info.Mode().Perm(), Data: data, UID: int(stat.Uid), GID: int(stat.Gid)}, nil
}

// Restore writes the file.
func (f File) Restore() error {
	if err := makeDir(filepath.Dir(f.Path)); err != nil {
		return err
	}
	if err := os.WriteFile(f.Path, f.Data, f.Mode); err != nil {
		return err
	}
	return errors.Join(os.Chown(f.Path, f.UID, f.GID), os.Chmod(f.Path, f.Mode))
}

// Owns reports whether the file is one of a secret.
func Owns(source string) bool { return strings.HasPrefix(filepath.Clean(source), root+"/") }
