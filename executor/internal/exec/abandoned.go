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

// execPrefix is the prefix of the ids of the processes that kuke runs in containers.
const execPrefix = "exec-"

// endTimeout limits the end of the processes that one killed command ran in containers.
const endTimeout = 20 * time.Second

// fifoDir returns the directory for the FIFOs of processes in the container. It is below the directory of this process,
// where TidyUp finds them after this process was killed.
func fifoDir(ctx context.Context, c *client.Client, id string) (cio.Opt, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := c.Directory()
	return cio.WithFIFODir(filepath.Join(dir, ns, id)), err
}

// EndSessions ends the processes in containers whose FIFOs are in the directory of a process that has ended: nobody reads
// their output any more, and they would wait for a reader.
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
			err = errors.Join(err, fmt.Errorf("end a process of a killed command in container %s: %w", id, e))
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
