package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/attachment"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// cellID returns the id of the cell, also of one that is not recorded yet.
func (e *Executor) cellID(cell resource.Path) string {
	if r := e.store.Record(cell); r != nil {
		return r.CellID()
	}
	return state.CellID(cell)
}

// cellKind makes cells: a cgroup, the files that its containers see in /etc, and its attachment to the network. The root
// container makes the network namespace, see [cellKind.open].
type cellKind struct {
	executor *Executor
	names    []plan.SpaceNames
	// reattach is that of the change that is carried out.
	reattach []string
}

func (k cellKind) create(_ context.Context, after *state.Record) error {
	if err := k.make(after); err != nil {
		return err
	}
	return k.executor.record(after, true)
}

func (k cellKind) make(after *state.Record) error {
	if err := k.executor.makeCgroup(after); err != nil {
		return err
	}
	return etc.Write(k.executor.store, after, k.names)
}

// update also repairs the network of a running cell: its containers stay as they are.
func (k cellKind) update(ctx context.Context, before, after *state.Record) error {
	if err := k.make(after); err != nil {
		return err
	}
	if err := k.repair(ctx, before, after); err != nil {
		return err
	}
	return k.executor.record(after, false)
}

func (k cellKind) remove(ctx context.Context, before *state.Record) error {
	// The root container removed the network namespace, unless the container and its record were lost.
	if err := k.close(ctx, before.Path); err != nil {
		return err
	}
	if err := k.executor.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}

// repair attaches the network namespace of the cell, if there is one, as after says: interfaces that stay are left as they are,
// unless they are among those to attach again.
func (k cellKind) repair(ctx context.Context, before, after *state.Record) error {
	pin := netns.Path(after.CellID())
	if had := before.Status.Attachment; after.Status.Attachment.OnHost() || had.OnHost() || had != nil && had.Mode != after.Status.Attachment.Mode {
		// The network of the host is not kuke's, and to change to another one replaces the root container.
		return k.endPublished(after.Path, had, after.Status.Attachment)
	}
	if err := k.repin(ctx, after, pin); err != nil {
		return err
	}
	if _, err := netns.PinInode(pin); errors.Is(err, fs.ErrNotExist) {
		return nil // the start of the root container attaches it
	} else if err != nil {
		return err
	}
	had, want := before.Status.Attachment, after.Status.Attachment
	if had == nil {
		had = &state.Attachment{}
	}
	kept := map[string]bool{}
	republish := !reflect.DeepEqual(had.Published, want.Published)
	for n, i := range had.Interfaces {
		if stays := want.In(i.Space); stays != nil && *stays == i && !slices.Contains(k.reattach, i.Name) && (n > 0 || !republish) {
			kept[i.Name] = true
		} else if err := k.detach(ctx, after.Path, had, n); err != nil {
			return err
		}
	}
	for n, i := range want.Interfaces {
		if kept[i.Name] {
			continue
		}
		if err := k.attach(ctx, after.Path, want, n); err != nil {
			return err
		}
	}
	return k.endPublished(after.Path, had, want)
}

// endPublished ends the connections through ports that the cell had published and publishes no more; want is nil when it
// leaves its networks.
func (k cellKind) endPublished(cell resource.Path, had, want *state.Attachment) error {
	if had == nil || len(had.Published) == 0 || len(had.Interfaces) == 0 {
		return nil
	}
	before, err := attachment.Of(k.executor.cellID(cell), had, 0)
	if err != nil {
		return err
	}
	var now network.Attachment
	if want != nil && len(want.Interfaces) > 0 {
		if now, err = attachment.Of(k.executor.cellID(cell), want, 0); err != nil {
			return err
		}
	}
	for _, of := range []struct{ before, now netip.Addr }{{before.Address, now.Address}, {before.Address6, now.Address6}} {
		if !of.before.IsValid() {
			continue
		}
		ports := slices.DeleteFunc(slices.Clone(before.Ports), func(p network.PortMapping) bool {
			return of.before == of.now && slices.Contains(now.Ports, p)
		})
		if err := k.executor.networks.EndPublished(of.before, ports); err != nil {
			return err
		}
	}
	return nil
}

// repin pins the network namespace of a running root container whose pin was lost.
func (k cellKind) repin(ctx context.Context, cell *state.Record, pin string) error {
	root, err := k.rootTask(ctx, cell)
	if err != nil || root == 0 {
		return err
	}
	of, err := netns.Inode(root)
	if err != nil {
		return nil // it has just ended
	}
	if own, err := netns.Inode(os.Getpid()); err != nil || own == of {
		return err // never attach the host
	}
	if at, err := netns.PinInode(pin); err == nil && at == of {
		return nil
	}
	return netns.Pin(pin, root)
}

// rootTask returns the pid of the task of the cell's root container, 0 where it doesn't run.
func (k cellKind) rootTask(ctx context.Context, cell *state.Record) (int, error) {
	root, err := k.executor.find(ctx, cell.Status.Namespace, func(c containers.Container) bool {
		return resource.Path(c.Labels[plan.LabelPath]).Parent() == cell.Path && c.Labels[plan.LabelRole] == "root"
	})
	if err != nil || root == nil {
		return 0, err
	}
	return int(root.PID), nil
}

// open makes a new network namespace for the cell and attaches it, unless the cell has the host's network.
func (k cellKind) open(ctx context.Context, cell resource.Path) error {
	r := k.executor.store.Record(cell)
	if r != nil && r.Status.Attachment.OnHost() {
		return nil
	}
	if err := netns.Create(netns.Path(k.executor.cellID(cell))); err != nil {
		return err
	}
	if r == nil || r.Status.Attachment == nil {
		return fmt.Errorf("attach cell %s: it has no address. Plan again", cell)
	}
	for n := range r.Status.Attachment.Interfaces {
		if err := k.attach(ctx, cell, r.Status.Attachment, n); err != nil {
			undoing, cancel := context.WithTimeout(client.Detached(ctx), cleanUpTimeout)
			defer cancel()
			return errors.Join(err, k.close(undoing, cell))
		}
	}
	return nil
}

// close detaches the network namespace of the cell from all networks and removes its pin.
func (k cellKind) close(ctx context.Context, cell resource.Path) error {
	id := k.executor.cellID(cell)
	pin := netns.Path(id)
	if err := k.executor.networks.DetachAll(ctx, id, pin); err != nil {
		return err
	}
	if r := k.executor.store.Record(cell); r != nil {
		// Another cell may get the address.
		if err := k.endPublished(cell, r.Status.Attachment, nil); err != nil {
			return err
		}
	}
	return netns.Remove(pin)
}

func (k cellKind) attach(ctx context.Context, cell resource.Path, a *state.Attachment, n int) error {
	attachment, err := attachment.Of(k.executor.cellID(cell), a, n)
	if err != nil {
		return err
	}
	return k.executor.networks.Attach(ctx, attachment)
}

func (k cellKind) detach(ctx context.Context, cell resource.Path, a *state.Attachment, n int) error {
	attachment, err := attachment.Of(k.executor.cellID(cell), a, n)
	if err != nil {
		return err
	}
	return k.executor.networks.Detach(ctx, attachment)
}

// writeNames updates the hosts files of the cells that the plan names for the space.
func (e *Executor) writeNames(_ context.Context, space resource.Path, names []plan.SpaceNames) error {
	at := slices.IndexFunc(names, func(n plan.SpaceNames) bool { return n.Space == space })
	var failed error
	for _, cell := range names[at].Update {
		if r := e.store.Record(cell); r != nil {
			failed = errors.Join(failed, etc.WriteHosts(e.store, cell, r.Status.Attachment, names))
		}
	}
	return failed
}
