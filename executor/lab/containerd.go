package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
)

const (
	containerdSocket  = "/run/containerd/containerd.sock"
	containerdLog     = "/run/containerd/containerd.log"
	containerdTimeout = 2 * time.Minute // for a hanging one: the exit of a failed one is noticed at once
)

// containerdConfig is valid for 1.6 and for 2.x. It is at containerd's default path, so that a test can restart a killed
// containerd by its name alone.
const (
	containerdConfigFile = "/etc/containerd/config.toml"
	containerdConfig     = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]

[grpc]
  address = "` + containerdSocket + `"
`
)

// startContainerd returns when containerd answers. children reports the exits of children meanwhile.
func startContainerd(binary string, children <-chan exited) error {
	if err := os.MkdirAll(filepath.Dir(containerdLog), 0o711); err != nil {
		return err
	}
	if err := os.WriteFile(containerdConfigFile, []byte(containerdConfig), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(containerdLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(binary, []string{binary, "--config", containerdConfigFile}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return &os.PathError{Op: "start", Path: binary, Err: err}
	}

	ctx, cancel := context.WithTimeout(context.Background(), containerdTimeout)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- awaitContainerd(ctx) }()
	for {
		select {
		case err := <-ready:
			if err != nil {
				return containerdFailure(binary, err)
			}
			return nil
		case c := <-children:
			if c.pid == pid && !c.status.Stopped() {
				return containerdFailure(binary, fmt.Errorf("it exited with status %d", exitCode(c.status)))
			}
		}
	}
}

// awaitContainerd requests the version until there is an answer.
func awaitContainerd(ctx context.Context) error {
	for {
		err := askContainerd(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer after %s: %w", containerdTimeout, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func askContainerd(ctx context.Context) error {
	// Without the socket the client would wait long before it tries again.
	if _, err := os.Stat(containerdSocket); err != nil {
		return err
	}
	client, err := containerd.New(containerdSocket, containerd.WithTimeout(containerdTimeout))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Version(ctx)
	return err
}

// containerdFailure adds the last lines of the log, which is removed with the lab.
func containerdFailure(binary string, err error) error {
	const lines = 10
	b, readErr := os.ReadFile(containerdLog)
	if readErr != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	tail := all[max(0, len(all)-lines):]
	return fmt.Errorf("start %s: %w; the end of its log:\n%s", binary, err, bytes.Join(tail, []byte("\n")))
}
