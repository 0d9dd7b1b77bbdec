package executor

import (
	"context"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
)

// DefaultRegistry is the registry of images whose names have none.
const DefaultRegistry = "docker.io"

// CheckRegistry refuses a text that is not the address of a registry.
func CheckRegistry(address string) error { return registry.CheckAddress(address) }

// Login has the registry check the user name and the password, and stores them where Docker does. It returns that place, and needs
// no containerd.
func Login(ctx context.Context, address, username, password string) (place string, err error) {
	return registry.Login(client.Quiet(ctx), address, registry.Credentials{Username: username, Secret: password})
}

// Logout removes the credentials of the registry from where [Login] stores them. removed says that there were any.
func Logout(ctx context.Context, address string) (place string, removed bool, err error) {
	return registry.Logout(client.Quiet(ctx), address)
}
