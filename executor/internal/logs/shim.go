package logs

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	taskv2 "github.com/containerd/containerd/api/runtime/task/v2"
	taskv3 "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
)

const (
	// creationPoll is the time between two questions for a task that the shim is just making: it starts this process first.
	creationPoll = 50 * time.Millisecond
	// creationLimit bounds the wait for it.
	creationLimit = 5 * time.Minute
	// shimV3 is the version of a shim's services from which on they have another name.
	shimV3 = 3
)

// shimAddress is where the shim listens that has started this process, which works in the bundle of its task.
type shimAddress struct {
	Version int    `json:"version"`
	Address string `json:"address"`
}

func findShim() (shimAddress, error) {
	data, err := os.ReadFile("bootstrap.json")
	if errors.Is(err, fs.ErrNotExist) {
		// containerd 1 writes no more than the address.
		data, err = os.ReadFile("address")
		return shimAddress{Version: shimV3 - 1, Address: string(data)}, err
	}
	var at shimAddress
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	return at, err
}

// awaitExit asks the shim that has started this process for the end of its task, and waits for it. containerd itself may be
// stopped meanwhile.
func awaitExit() (Exit, error) {
	at, err := findShim()
	if err != nil {
		return Exit{}, err
	}
	conn, err := net.Dial("unix", strings.TrimPrefix(strings.TrimSpace(at.Address), "unix://"))
	if err != nil {
		return Exit{}, err
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	id := os.Getenv("CONTAINER_ID")
	for begin := time.Now(); ; time.Sleep(creationPoll) {
		exit, err := at.wait(client, id)
		if err == nil || !errdefs.IsNotFound(errgrpc.ToNative(err)) || time.Since(begin) > creationLimit {
			return exit, err
		}
	}
}

func (at shimAddress) wait(client *ttrpc.Client, id string) (Exit, error) {
	ctx := context.Background()
	if at.Version >= shimV3 {
		resp, err := taskv3.NewTTRPCTaskClient(client).Wait(ctx, &taskv3.WaitRequest{ID: id})
		if err != nil {
			return Exit{}, err
		}
		return Exit{Code: resp.ExitStatus, At: resp.ExitedAt.AsTime()}, nil
	}
	resp, err := taskv2.NewTTRPCTaskClient(client).Wait(ctx, &taskv2.WaitRequest{ID: id})
	if err != nil {
		return Exit{}, err
	}
	return Exit{Code: resp.ExitStatus, At: resp.ExitedAt.AsTime()}, nil
}
