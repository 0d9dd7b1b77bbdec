package client

import (
	"context"
	"fmt"

	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"
)

// Namespaces returns the labels of every containerd namespace, by its name.
func (c *Client) Namespaces(ctx context.Context) (map[string]map[string]string, error) {
	// The client library would take one more call for each namespace.
	resp, err := namespacesapi.NewNamespacesClient(c.Conn).List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containerd namespaces: %w", errgrpc.ToNative(err))
	}
	all := make(map[string]map[string]string, len(resp.Namespaces))
	for _, n := range resp.Namespaces {
		all[n.Name] = n.Labels
	}
	return all, nil
}
