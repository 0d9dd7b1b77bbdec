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
	// creationPoll is the interval of queries for the task, which the shim creates after it has started this process.
	creationPoll = 50 * time.Millisecond
	// creationLimit limits the wait for it.
	creationLimit = 5 * time.Minute
	// shimV3 is the first version of a shim's services with other names.
	shimV3 = 3
)

// shimAddress is the address of the shim that has started this process, in the bundle of its task.
type shimAddress struct {
	Version int    `json:"version"`
	Address string `json:"address"`
}

func findShim() (shimAddress, error) {
	data, err := os.ReadFile("bootstrap.json")
	if errors.Is(err, fs.ErrNotExist) {
		// containerd 1 writes only the address.
		data, err = os.ReadFile("address")
		return shimAddress{Version: shimV3 - 1, Address: string(data)}, err
	}
	var at shimAddress
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	return at, err
}

// awaitExit waits for the exit of the task at the shim that has started this process. containerd itself may be stopped
// meanwhile.
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
