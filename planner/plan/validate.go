package plan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// actionsOf holds the actions to which each operation on a resource can belong.
var actionsOf = map[Op][]Action{
	OpPrepare: {Create, Replace}, OpCreate: {Create, Replace}, OpUpdate: {Update}, OpDelete: {Delete, Replace}, OpAdopt: {Adopt}, OpRecord: {Record},
	OpStop: {Stop, Shutdown, Restart, Update}, OpKill: {Kill}, OpForget: {Forget}, OpPause: {Pause}, OpUnpause: {Unpause}, OpStart: {Start, Restart, Update},
	OpCheck: {Check, Create, Replace, Start, Restart, Update, Adopt},
}

// containerOps are the operations that only containers have.
var containerOps = []Op{OpPrepare, OpStart, OpStop, OpKill, OpPause, OpUnpause, OpCheck, OpForget}

// Validate makes sure that steps and changes fit together, so that a damaged file can't lead the executor astray.
func (p *Plan) Validate() error {
	changes := map[resource.Path]*Change{}
	for i, c := range p.Changes {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
		if changes[c.Path] != nil {
			return fmt.Errorf("change %d: %s changes twice", i, c.Path)
		}
		changes[c.Path] = c
	}
	for _, c := range p.Changes {
		top := changes[c.Path.Realm()]
		if top != nil && c.After != nil && !c.Path.IsVolume() && (top.After == nil || top.After.Status.Namespace != c.After.Status.Namespace) {
			return fmt.Errorf("%s is not in the containerd namespace of its realm", c.Path)
		}
	}
	if err := p.validateImports(); err != nil {
		return err
	}
	for _, n := range p.Names {
		if err := n.validate(); err != nil {
			return err
		}
	}
	if err := p.validateOthers(changes); err != nil {
		return err
	}
	for _, name := range p.Profiles {
		if name != resource.DefaultAppArmorProfile {
			return fmt.Errorf("AppArmor profile %q is not one that kuke loads", name)
		}
	}
	for i, image := range p.Images {
		if image == nil {
			return fmt.Errorf("image %d is missing", i)
		}
	}
	if v := p.Policy; v != nil && (v.Digest == "" || len(v.Denied) > 0) {
		return errors.New("it has not passed its policies")
	}
	for i := range p.Steps {
		if err := p.validateStep(i, changes); err != nil {
			return fmt.Errorf("step %d%w", i, err)
		}
	}
	return p.validateReview(changes)
}

// validateOthers makes sure that the resources without a change are others than those with one, and that the plan says nothing
// about resources that it has no record of.
func (p *Plan) validateOthers(changes map[resource.Path]*Change) error {
	held := map[resource.Path]*state.Record{}
	unchanged := map[resource.Path]bool{}
	for _, r := range slices.Concat(p.Unchanged, p.Untargeted, p.Kept) {
		if r == nil {
			return errors.New("a record without a change is missing")
		}
		if changes[r.Path] != nil || held[r.Path] != nil {
			return fmt.Errorf("the record of %s occurs twice", r.Path)
		}
		held[r.Path] = r
	}
	for _, r := range p.Kept {
		if !r.Path.IsVolume() {
			return fmt.Errorf("%s is no volume to be kept", r.Path)
		}
	}
	for _, r := range p.Unchanged {
		unchanged[r.Path] = true
	}
	for _, stopped := range p.Stopped {
		if !unchanged[stopped] || stopped.Kind() != resource.KindContainer {
			return fmt.Errorf("stopped container %q is not a container without a change", stopped)
		}
	}
	drifted := map[resource.Path]bool{}
	for _, d := range p.Drift {
		if held[d.Path] == nil && (changes[d.Path] == nil || changes[d.Path].Before == nil) {
			return fmt.Errorf("%s has drifted, but the plan has no record of it", d.Path)
		}
		if d.After != nil && (d.After.Path != d.Path || d.Gone) || drifted[d.Path] {
			return fmt.Errorf("%s has drifted in more than one way", d.Path)
		}
		drifted[d.Path] = true
	}
	for _, o := range p.Outputs {
		if _, kept := p.KeptOutputs[o.Name]; kept {
			return fmt.Errorf("output %s changes and does not", o.Name)
		}
	}
	return p.Configuration.Validate()
}

// validateStep makes sure that the i-th step belongs to a change. The error goes on after the number of the step.
func (p *Plan) validateStep(i int, changes map[resource.Path]*Change) error {
	s := &p.Steps[i]
	for _, on := range s.After {
		if on < 0 || on >= i {
			return fmt.Errorf(" waits for step %d", on)
		}
	}
	switch s.Op {
	case OpImage:
		if s.Image == nil {
			return errors.New(" has no image")
		}
		return nil
	case OpNames:
		if !slices.ContainsFunc(p.Names, func(n SpaceNames) bool { return n.Space == s.Path }) {
			return fmt.Errorf(" (%s %s) has no names", s.Op, s.Path)
		}
		return nil
	}
	c := changes[s.Path]
	if c == nil || !slices.Contains(actionsOf[s.Op], c.Action) {
		return fmt.Errorf(" (%s %s) has no change", s.Op, s.Path)
	}
	if slices.Contains(containerOps, s.Op) && s.Path.Kind() != resource.KindContainer {
		return fmt.Errorf(": can't %s a %s", s.Op, s.Path.Kind().Lower())
	}
	return nil
}

// isCgroupOf reports whether the resource at p can have the cgroup, below the cgroup of its parent.
func isCgroupOf(cgroup, above string, p resource.Path, spec resource.Spec) bool {
	name := resource.CgroupIn(above, p, spec)
	return resource.IsVariant(cgroup, func(n int) string { return resource.Variant(name, n) })
}

// validateRecord makes sure that the names of a record on the host belong to its path.
func validateRecord(r *state.Record) error {
	if r.Path.IsVolume() {
		if r.Status.Volume == nil {
			return errors.New("it has no place")
		}
		return r.Status.Volume.Validate()
	}
	id := ""
	if r.Path.Kind() == resource.KindContainer {
		id = resource.ContainerID(r.Path)
	}
	// One that was imported or renamed has another id and cgroup, which is no news to the state; where no state knows it, its
	// labels are asked, see [planner.CheckHost].
	if (id == "") != (r.Status.ContainerID == "") {
		return fmt.Errorf("it has the containerd id %q, not %q", r.Status.ContainerID, id)
	}
	if err := validateCgroup(r); err != nil {
		return err
	}
	if r.Status.CellID != "" && r.Path.Kind() != resource.KindCell {
		return errors.New("only a cell has the id of one")
	}
	if c, ok := r.Spec.(*resource.Container); ok {
		if err := validateFiles(c); err != nil {
			return err
		}
	}
	if r.Status.Namespace == "" {
		return errors.New("it has no containerd namespace")
	}
	if n := r.Status.Network; n != nil {
		if r.Path.Kind() != resource.KindSpace {
			return errors.New("only a space has a network")
		}
		if err := validateNetwork(r.Path, n); err != nil {
			return err
		}
	}
	if r.Status.Attachment == nil {
		return nil
	}
	if r.Path.Kind() != resource.KindCell {
		return errors.New("only a cell is attached")
	}
	return validateAttachment(r.Path, r.Status.Attachment)
}

// validateCgroup makes sure that the cgroup of a record is as deep in that of its realm as its path says: which one it is, the state
// knows, see [Change.validateNames].
func validateCgroup(r *state.Record) error {
	want := resource.CgroupOf(r.Path, r.Spec)
	if r.Status.Cgroup == want || r.Status.Imported {
		return nil
	}
	got, names := strings.Split(r.Status.Cgroup, "/"), strings.Split(want, "/")
	const ofRealm = 3 // of "/kukeon/realm"
	if len(got) != len(names) || path.Clean(r.Status.Cgroup) != r.Status.Cgroup || !slices.Equal(got[:ofRealm], names[:ofRealm]) {
		return fmt.Errorf("it claims the cgroup %q instead of %q", r.Status.Cgroup, want)
	}
	return nil
}

func validateNetwork(space resource.Path, n *state.Network) error {
	subnet, err := netip.ParsePrefix(n.Subnet)
	if err != nil || !subnet.Addr().Is4() || subnet != subnet.Masked() {
		return fmt.Errorf("its network has the subnet %q", n.Subnet)
	}
	// Which one it is, the state knows, see [Change.validateNames].
	if !wellNamed(n) || n.Gateway != subnet.Addr().Next().String() {
		return fmt.Errorf("network %q with the subnet %s is not that of %s", n.Name, n.Subnet, space)
	}
	if n.Subnet6 == "" && n.Gateway6 == "" {
		return nil
	}
	subnet6, err := netip.ParsePrefix(n.Subnet6)
	if err != nil || !subnet6.Addr().Is6() || subnet6 != subnet6.Masked() || n.Gateway6 != subnet6.Addr().Next().String() {
		return fmt.Errorf("its network has the IPv6 subnet %q with the gateway %q", n.Subnet6, n.Gateway6)
	}
	return nil
}

func validateAttachment(cell resource.Path, a *state.Attachment) error {
	for at, i := range a.Interfaces {
		p, err := resource.ParsePath(string(i.Space))
		if err != nil || p.Kind() != resource.KindSpace || p.Realm() != cell.Realm() || at == 0 && p != cell.Space() {
			return fmt.Errorf("it is attached to %q", i.Space)
		}
		if err := validateNetwork(p, &i.Network); err != nil {
			return err
		}
		number, isEth := strings.CutPrefix(i.Name, "eth")
		if _, err := strconv.ParseUint(number, 10, 8); err != nil || !isEth {
			return fmt.Errorf("it has the interface %q", i.Name)
		}
		if address, err := netip.ParsePrefix(i.Address); err != nil || address.Masked().String() != i.Network.Subnet {
			return fmt.Errorf("its interface %s has the address %q", i.Name, i.Address)
		}
		if !i.ValidAddress6() {
			return fmt.Errorf("its interface %s has the IPv6 address %q", i.Name, i.Address6)
		}
		if _, err := net.ParseMAC(i.MAC); i.MAC != "" && err != nil {
			return fmt.Errorf("its interface %s has the MAC address %q", i.Name, i.MAC)
		}
	}
	for _, text := range a.Published {
		if port, err := resource.ParsePort(text); err != nil || port.Host.First == 0 {
			return fmt.Errorf("it publishes %q", text)
		}
	}
	if err := a.ValidateMode(); err != nil {
		return fmt.Errorf("it %w", err)
	}
	if err := a.ValidateEtc(); err != nil {
		return fmt.Errorf("it %w", err)
	}
	for _, name := range a.Names {
		for _, label := range strings.Split(name, ".") {
			if err := resource.CheckName(label); err != nil {
				return err
			}
		}
	}
	return nil
}

// validate makes sure that the lines for files in /etc hold only addresses and names, and that the files belong to cells of
// the space.
func (n SpaceNames) validate() error {
	for _, p := range n.Update {
		if cell, err := resource.ParsePath(string(p)); err != nil || cell.Kind() != resource.KindCell || cell.Space() != n.Space {
			return fmt.Errorf("names of %s: %q is no cell of it", n.Space, p)
		}
	}
	for _, e := range n.Entries {
		if _, err := netip.ParseAddr(e.Address); err != nil {
			return fmt.Errorf("names of %s: %w", n.Space, err)
		}
		if _, err := netip.ParseAddr(e.Address6); e.Address6 != "" && err != nil {
			return fmt.Errorf("names of %s: %w", n.Space, err)
		}
		for _, name := range e.Names {
			for _, label := range strings.Split(name, ".") {
				if err := resource.CheckName(label); err != nil {
					return fmt.Errorf("names of %s: %w", n.Space, err)
				}
			}
		}
	}
	return nil
}

// validateImports makes sure that imports are containers with valid records. [Plan.CheckFresh] validates moves.
func (p *Plan) validateImports() error {
	for _, i := range p.Imports {
		if i.Record == nil || i.Record.Path.Kind() != resource.KindContainer {
			return errors.New("import: there is no record of a container")
		}
		if err := validateRecord(i.Record); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	return nil
}

// validateFiles makes sure that secrets and configs are files of their own, by names that lead nowhere else.
func validateFiles(c *resource.Container) error {
	for _, s := range c.Secrets {
		if err := resource.CheckName(s.Name); err != nil {
			return fmt.Errorf("its secret: %w", err)
		}
		if !resource.IsSealed(s.Digest) {
			return fmt.Errorf("its secret %s has no digest", s.Name)
		}
	}
	for _, f := range c.Configs {
		if err := resource.CheckName(f.Name); err != nil {
			return fmt.Errorf("its config: %w", err)
		}
	}
	return nil
}

// Validate makes sure that c is of a known kind and about one resource.
func (c *Change) Validate() error {
	if c == nil {
		return errors.New("it is missing")
	}
	if _, err := resource.ParsePath(string(c.Path)); err != nil {
		return err
	}
	for _, r := range []*state.Record{c.Before, c.After} {
		if r != nil && r.Path != c.Path {
			return fmt.Errorf("%s has a record of %q", c.Path, r.Path)
		}
	}
	var complete bool
	switch c.Action {
	case Create, Adopt:
		complete = c.After != nil
	case Delete, Forget:
		complete = c.Before != nil && c.After == nil
	case Record:
		complete = c.Before != nil
	case Update, Replace, Start, Restart, Stop, Shutdown, Kill, Pause, Unpause, Check:
		complete = c.Before != nil && c.After != nil
	default:
		return fmt.Errorf("%s has the unknown action %q", c.Path, c.Action)
	}
	if !complete {
		return fmt.Errorf("%s lacks a record to %s it", c.Path, c.Action)
	}
	for _, r := range []*state.Record{c.Before, c.After} {
		if r == nil {
			continue
		}
		if err := validateRecord(r); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	if c.Cause != "" && !slices.Contains(causes, c.Cause) {
		return fmt.Errorf("%s has the unknown cause %q", c.Path, c.Cause)
	}
	if err := c.validateClaim(); err != nil {
		return err
	}
	if c.After != nil && c.Path.Kind() == resource.KindRealm && c.After.Status.Namespace != resource.NamespaceOf(c.Path, c.After.Spec.(*resource.Realm)) {
		return fmt.Errorf("%s: the containerd namespace does not follow from its configuration", c.Path)
	}
	if c.Check != "" && (c.Path.Kind() != resource.KindContainer || c.After == nil || c.Check == resource.Healthy && c.After.Healthcheck() == nil) {
		return fmt.Errorf("%s can't be waited for to be %s", c.Path, c.Check)
	}
	if err := c.validateContents(); err != nil {
		return err
	}
	return c.validateDiffs()
}

// validateContents makes sure that the interfaces that are attached again, and the volumes that take files, are those of the records.
func (c *Change) validateContents() error {
	for _, name := range c.Reattach {
		known := func(i state.Interface) bool { return i.Name == name }
		if c.Action != Update || c.Before.Status.Attachment == nil || !slices.ContainsFunc(c.Before.Status.Attachment.Interfaces, known) {
			return fmt.Errorf("%s has no interface %s to attach again", c.Path, name)
		}
	}
	for _, carried := range c.Carried {
		if c.Before == nil || c.After == nil || !path.IsAbs(carried.From) || !slices.Contains(resource.VolumesOf(c.After.Spec), carried.To) {
			return fmt.Errorf("%s has no files that come into volume %s", c.Path, carried.To)
		}
	}
	return nil
}

// validatePlace makes sure that the place of a volume follows from its path or stays unchanged.
func (c *Change) validatePlace() error {
	place := c.After.Status.Volume.Place
	if c.Before != nil && c.Before.Status.Volume.Place == place {
		return nil
	}
	if !resource.IsVariant(place, func(n int) string { return state.VolumePlace(c.Path, n) }) {
		return fmt.Errorf("%s claims the place %q of another volume", c.Path, place)
	}
	return nil
}

// validateClaim makes sure that the containerd id and the cgroup of a container follow from its path or stay unchanged.
// [Plan.CheckFresh] compares Before with the state.
func (c *Change) validateClaim() error {
	if c.After != nil && c.Path.IsVolume() {
		return c.validatePlace()
	}
	if c.After == nil || c.Path.Kind() != resource.KindContainer {
		return nil
	}
	var had state.Status
	if c.Before != nil {
		had = c.Before.Status
	}
	after := c.After.Status
	if after.ContainerID != had.ContainerID && !resource.IsVariant(after.ContainerID, func(n int) string { return resource.ContainerIDVariant(c.Path, n) }) {
		return fmt.Errorf("%s claims the container %q of another resource", c.Path, after.ContainerID)
	}
	if after.Cgroup != had.Cgroup && !isCgroupOf(after.Cgroup, path.Dir(after.Cgroup), c.Path, c.After.Spec) {
		return fmt.Errorf("%s claims the cgroup %q of another resource", c.Path, after.Cgroup)
	}
	return nil
}

// validateDiffs makes sure that the shown differences are the differences of the records.
func (c *Change) validateDiffs() error {
	var shown []Diff
	for _, df := range c.Diffs {
		if !df.Computed {
			shown = append(shown, df)
		}
	}
	var before, after resource.Spec
	if c.Before != nil && c.Action != Create {
		before = c.Before.Spec
	}
	if c.After != nil {
		after = c.After.Spec
	}
	differs := Compare(before, after)
	if c.sameImage(shown) {
		for i := range differs {
			differs[i].ForcesReplacement = differs[i].ForcesReplacement && differs[i].Name != ImageAttribute
		}
	}
	fits := reflect.DeepEqual(shown, differs)
	switch c.Action {
	case Adopt:
		fits = len(shown) == 0
	case Replace: // without a record, all values of the new resource are shown
		fits = fits || reflect.DeepEqual(shown, Compare(nil, after))
	case Forget:
		fits = len(shown) == 0
	case Delete: // without a record, no value is shown
		fits = fits || len(shown) == 0
	}
	if !fits {
		return fmt.Errorf("%s does not change as the plan shows it", c.Path)
	}
	return nil
}

// sameImage reports whether the differences that are shown say of another reference that it means the same image.
func (c *Change) sameImage(shown []Diff) bool {
	return c.Before != nil && slices.ContainsFunc(shown, func(d Diff) bool { return d.Name == ImageAttribute && !d.ForcesReplacement && d.Before != nil })
}
