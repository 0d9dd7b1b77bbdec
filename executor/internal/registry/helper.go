package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/kukeon/kuke/executor/program"
)

// helperTimeout limits the run of a credential helper, which may ask a cloud.
const helperTimeout = 30 * time.Second

// tokenUser is the user name by which a credential helper says that the secret is an identity token.
const tokenUser = "<token>"

// Owner is the user that a file with credentials belongs to.
type Owner struct {
	Name, Home string
	UID, GID   int
}

func currentOwner() Owner {
	o := Owner{UID: os.Geteuid(), GID: os.Getegid()}
	if u, err := user.Current(); err == nil {
		o.Name, o.Home = u.Username, u.HomeDir
	}
	if home, err := os.UserHomeDir(); err == nil {
		o.Home = home
	}
	return o
}

// sudoOwner returns the user who has become root with sudo.
func sudoOwner() (Owner, bool) {
	name := os.Getenv("SUDO_USER")
	if name == "" || os.Geteuid() != 0 {
		return Owner{}, false
	}
	u, err := user.Lookup(name)
	if err != nil {
		return Owner{}, false
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return Owner{Name: name, Home: u.HomeDir, UID: uid, GID: gid}, err == nil && err2 == nil && uid != 0
}

// helper is a program that keeps credentials. file names it.
type helper struct {
	name  string
	owner Owner
	file  string
}

func (h *helper) program() string { return "docker-credential-" + h.name }

// get returns the credentials of the helper for the key of a registry, nil where it has none.
func (h *helper) get(ctx context.Context, key string) (*Credentials, error) {
	var found *credentials.Credentials
	err := h.run(ctx, func(run client.ProgramFunc) (err error) {
		found, err = client.Get(run, key)
		return err
	})
	if credentials.IsErrCredentialsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, h.fail("get the credentials of "+key, err)
	}
	if found.Secret == "" {
		return nil, nil
	}
	c := &Credentials{Username: found.Username, Secret: found.Secret, Source: fmt.Sprintf("the credential helper %s of %s", h.program(), h.file)}
	if c.Username == tokenUser {
		c.Username = ""
	}
	return c, nil
}

// store gives credentials to the helper.
func (h *helper) store(ctx context.Context, key string, c Credentials) error {
	name := c.Username
	if name == "" {
		name = tokenUser
	}
	err := h.run(ctx, func(run client.ProgramFunc) error {
		return client.Store(run, &credentials.Credentials{ServerURL: key, Username: name, Secret: c.Secret})
	})
	if err != nil {
		return h.fail("store the credentials of "+key, err)
	}
	return nil
}

// erase has the helper forget the credentials of a registry.
func (h *helper) erase(ctx context.Context, key string) error {
	err := h.run(ctx, func(run client.ProgramFunc) error { return client.Erase(run, key) })
	if err != nil && !strings.Contains(err.Error(), credentials.NewErrCredentialsNotFound().Error()) {
		return h.fail("remove the credentials of "+key, err)
	}
	return nil
}

// run calls do with a function that starts the helper as the owner of the file.
func (h *helper) run(ctx context.Context, do func(client.ProgramFunc) error) error {
	if h.name == "" || strings.ContainsAny(h.name, "/\x00") {
		return fmt.Errorf("%q is no name of a credential helper", h.name)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	err := do(func(args ...string) client.Program {
		cmd := program.Command(ctx, h.program(), args...)
		cmd.Env = append(cmd.Env, "HOME="+h.owner.Home, "USER="+h.owner.Name)
		if h.owner.UID != os.Geteuid() {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.owner.UID), Gid: uint32(h.owner.GID)}
		}
		return &helperRun{cmd}
	})
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it has not ended after %s", helperTimeout)
	}
	return err
}

// fail returns the error of the helper with its remedy.
func (h *helper) fail(doing string, err error) error {
	if errors.Is(err, exec.ErrNotFound) || strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		return fmt.Errorf("the credential helper %s, which %s names, is not in PATH. Install it, or remove it from the file and log in again", h.program(), h.file)
	}
	return fmt.Errorf("the credential helper %s, which %s names, can't %s: %w. Its environment has only PATH, HOME and USER", h.program(), h.file, doing, err)
}

// helperRun is one run of a credential helper.
type helperRun struct{ *exec.Cmd }

// Input implements [client.Program].
func (r *helperRun) Input(in io.Reader) { r.Stdin = in }

// Output implements [client.Program]. Helpers write errors to standard output, and some to standard error.
func (r *helperRun) Output() ([]byte, error) {
	out, err := r.Cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(bytes.TrimSpace(out)) == 0 {
		out = exit.Stderr
	}
	return out, err
}
