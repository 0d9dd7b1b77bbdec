package exec

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/kukeon/kuke/executor/internal/client"
)

// execPrefix begins the ids of the processes that are run in containers.
const execPrefix = "exec-"

// endTimeout bounds the end of what one killed command ran in containers.
const endTimeout = 20 * time.Second

// fifoDir returns where the fifos go of what is run in the container: below the directory of this process, by which they are
// found when it is killed.
func fifoDir(ctx context.Context, c *client.Client, id string) (cio.Opt, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := c.Directory()
	return cio.WithFIFODir(filepath.Join(dir, ns, id)), err
}

// EndSessions ends what was run in containers through the fifos in the directory of a process that has ended: nobody sees it
// any more, and it would wait for somebody to read what it prints.
func EndSessions(ctx context.Context, c *client.Client, dir string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	ended := map[string]bool{}
	fifos, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*", execPrefix+"*-std*"))
	for _, fifo := range fifos {
		exec := filepath.Base(fifo)
		exec = exec[:strings.LastIndex(exec, "-std")]
		if ended[exec] {
			continue
		}
		ended[exec] = true
		container := filepath.Dir(filepath.Dir(fifo))
		ns, id := filepath.Base(filepath.Dir(container)), filepath.Base(container)
		if e := client.Gone(endSession(client.In(ctx, ns), c, id, exec)); e != nil {
			err = errors.Join(err, fmt.Errorf("end what a killed command ran in container %s: %w", id, e))
		}
	}
	return err
}

func endSession(ctx context.Context, c *client.Client, id, exec string) error {
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return err
	}
	process, err := task.LoadProcess(ctx, exec, nil)
	if err != nil {
		return err
	}
	status, err := process.Status(ctx)
	if err != nil {
		return err
	}
	if status.Status == containerd.Running {
		exited, err := process.Wait(ctx)
		if err != nil {
			return err
		}
		if _, err := killProcess(ctx, process, exited); err != nil {
			return err
		}
	}
	return deleteProcess(ctx, process)
}
