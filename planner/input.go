package planner

import (
	"fmt"
	"slices"
	"sort"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// input holds the facts for decisions. The results of its methods follow from it alone, whatever is decided.
type input struct {
	desired *resource.Tree
	prior   *state.State
	actual  *plan.Actual
	opts    Options
	// orphans are containers, namespaces and networks that bear our labels and that no state knows.
	orphans map[resource.Path]*orphan
	kills   *plan.OOMKills
	// desiredRoots and priorRoots hold the root container of each cell that has one.
	desiredRoots, priorRoots map[resource.Path]resource.Path
	// needed holds the ancestors of desired resources.
	needed map[resource.Path]bool
	// awaited holds the containers that others wait for until they have completed.
	awaited map[resource.Path]bool
	// imageMounts are the paths in containers for which the plan makes volumes, by these volumes, because images declare them. carried
	// are the files that come into these volumes from containers which had none.
	imageMounts map[resource.Path]state.ImageMount
	carried     map[resource.Path][]plan.Carried
	// hostNames are the names on the host that are taken: by recorded resources, and by those that were given one since.
	hostNames *state.HostNames
}

// newInput returns the input of decisions on desired, where prior is the state with moves and imports made.
func newInput(desired *resource.Tree, prior *state.State, actual *plan.Actual, opts Options, orphans map[resource.Path]*orphan) *input {
	in := &input{
		desired: desired, prior: prior, actual: actual, opts: opts, orphans: orphans,
		kills: plan.NewOOMKills(prior, actual), hostNames: state.HostNamesOf(prior),
	}
	in.findRoots()
	return in
}

// paths returns every path that is desired, recorded or found, in the order of decision.
func (in *input) paths() []resource.Path {
	seen := map[resource.Path]bool{}
	var paths []resource.Path
	add := func(p resource.Path) {
		if !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	for _, r := range in.desired.Resources() {
		add(r.Path)
	}
	for p := range in.prior.Records {
		add(p)
	}
	for p := range in.orphans {
		add(p)
	}
	sort.Slice(paths, func(i, j int) bool {
		a, b := paths[i], paths[j]
		if a.Parent() == b.Parent() && a.Kind() == resource.KindContainer && in.isRoot(a) != in.isRoot(b) {
			return in.isRoot(a)
		}
		return resource.ComparePaths(a, b) < 0
	})
	return paths
}

// isRoot reports whether the container at p is its cell's root, as it will be.
func (in *input) isRoot(p resource.Path) bool { return p == in.rootOf(p.Parent()) }

// rootOf returns the root container of a cell as it will be, or the empty path.
func (in *input) rootOf(cell resource.Path) resource.Path {
	if root := in.desiredRoots[cell]; root != "" {
		return root
	}
	return in.priorRoots[cell]
}

// findRoots notes the root container of each cell, desired and recorded, and the ancestors that desired resources need.
func (in *input) findRoots() {
	in.desiredRoots, in.priorRoots, in.needed = map[resource.Path]resource.Path{}, recordedRoots(in.prior), map[resource.Path]bool{}
	for _, r := range in.desired.Resources() {
		for p := r.Path.Parent(); p != "" && !in.needed[p]; p = p.Parent() {
			in.needed[p] = true
		}
		if c, ok := r.Spec.(*resource.Container); ok && c.Root {
			in.desiredRoots[r.Path.Parent()] = r.Path
		}
	}
	in.findAwaited()
}

// findAwaited notes the containers that must complete before others are started.
func (in *input) findAwaited() {
	in.awaited = map[resource.Path]bool{}
	for _, r := range in.desired.Resources() {
		switch spec := r.Spec.(type) {
		case *resource.Container:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Completed {
					in.awaited[r.Path.Parent().Join(on.Name)] = true
				}
			}
		case *resource.Cell:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Completed {
					in.awaited[in.rootOf(resource.Path(on.Name))] = true
				}
			}
		}
	}
}

// imported reports whether the container at p is one that kuke did not make, outside of the network namespace of its cell.
func (in *input) imported(p resource.Path) bool {
	r := in.prior.Records[p]
	return r != nil && r.Status.Imported
}

// pinned returns the inode of the network namespace that is pinned for the cell, or 0.
func (in *input) pinned(cell resource.Path) uint64 {
	if found := in.actual.Cells[cell]; found != nil {
		return found.NetNS
	}
	return 0
}

// ours reports whether the plan may change resources of the project.
func (in *input) ours(project string) bool { return in.opts.ours(project) }

// declared returns where the resource at p is declared.
func (in *input) declared(p resource.Path) resource.Range {
	if r := in.desired.Resource(p); r != nil {
		return r.Declared
	}
	return resource.Range{}
}
func (in *input) attachmentOf(p resource.Path) *state.Attachment {
	if r := in.prior.Records[p]; r != nil {
		return r.Status.Attachment
	}
	return nil
}

// outsideNetNS reports whether a running container that isn't its cell's root is in another network namespace
// than the running root, or than the one pinned for the cell.
func (in *input) outsideNetNS(p resource.Path, c *plan.Container) bool {
	root := in.rootOf(p.Parent())
	return root != p && root != "" && !in.imported(p) && in.actual.OutsideNetNS(p.Parent(), in.live(root), c)
}

// live returns the container in containerd at the present or future path p, or nil.
func (in *input) live(p resource.Path) *plan.Container {
	id := resource.ContainerID(p)
	if owner := in.hostNames.Containers[[2]string{in.prior.Namespace(p, in.desired), id}]; owner != "" && owner != p {
		id = "" // it was moved from here
	}
	if r := in.prior.Records[p]; r != nil && r.Status.ContainerID != "" {
		id = r.Status.ContainerID
	} else if o := in.orphans[p]; r == nil && o != nil && o.container != nil {
		id = o.container.ID
	}
	return in.actual.Container(in.prior.Namespace(p, in.desired), id)
}

// hasEnded reports whether the container has done its work: as containerd says, or, where a shutdown or a reboot has taken
// its task, as is recorded.
func (in *input) hasEnded(p resource.Path, spec *resource.Container, actual *plan.Container) bool {
	if actual == nil || !plan.MayEnd(spec) && !in.awaited[p] {
		return false
	}
	if actual.Status == plan.TaskNone {
		r := in.prior.Records[p]
		return r != nil && r.Status.Run == "" && r.Status.Exit != nil && r.Status.Exit.Code == 0
	}
	return actual.Status == plan.TaskStopped && actual.ExitCode == 0
}

// needsNetns reports whether a container of the cell besides its root runs, or is to.
func (in *input) needsNetns(cell resource.Path) bool {
	for _, r := range in.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.Path.Parent() != cell || in.isRoot(r.Path) {
			continue
		}
		if !in.hasEnded(r.Path, spec, in.live(r.Path)) {
			return true
		}
	}
	return false
}

// declaresCell reports whether the configuration declares the cell, and not as one that is managed elsewhere.
func (in *input) declaresCell(cell resource.Path) bool {
	want := in.desired.Resource(cell)
	return want != nil && !want.External
}

// staysRoot reports whether the recorded root container at p is not declared, nor deleted for that, and so remains one.
func (in *input) staysRoot(p resource.Path) bool {
	if p == "" {
		return false
	}
	want := in.desired.Resource(p)
	return want != nil && want.External || want == nil && (!in.declaresCell(p.Parent()) || !in.ours(in.prior.Records[p].Status.Project))
}

// toReplace reports whether the container at p is to be replaced in any case.
func (in *input) toReplace(p resource.Path) bool {
	return slices.ContainsFunc(in.opts.Replace, func(r resource.Path) bool { return r.Contains(p) })
}

// replaceAsked is the reason for resources in [Options.Replace].
const replaceAsked = "replaced as asked with --replace"

// importing reports whether the plan imports the container at p, which then has none of our labels yet.
func (in *input) importing(p resource.Path) bool {
	return slices.ContainsFunc(in.opts.Imports, func(i plan.Import) bool { return i.Record.Path == p })
}

// elsewhere returns the last apply of the project from another directory than that of the configuration, or nil. Nothing
// but the name of the directory tells then that the configuration is the project's.
func (in *input) elsewhere() *state.Application {
	if !in.opts.Unnamed || in.opts.ByHand {
		return nil
	}
	applied := in.prior.Projects[in.opts.Project]
	if len(applied) == 0 {
		return &state.Application{}
	}
	for i := len(applied) - 1; i >= 0; i-- {
		if applied[i].Directory != in.opts.Directory {
			return &applied[i]
		}
	}
	return nil
}

// keptImages reports whether p is nothing but the images of a realm that was destroyed.
func (in *input) keptImages(p resource.Path) bool { return in.orphans[p] != nil && in.orphans[p].kept }

// orNamed continues a sentence on a resource of another project: a project that has only the name of its directory may be
// the same, applied from elsewhere or before the directory was renamed.
func (in *input) orNamed(owner string) string {
	if !in.opts.Unnamed {
		return ""
	}
	return fmt.Sprintf(". This project has the name of its directory; if it is project %s, name it: kuke { project = %q }, or --project %s", owner, owner, owner)
}

// staysDown reports whether the user has stopped, killed or paused the recorded container, and it is to stay so.
func (in *input) staysDown(r *state.Record, actual *plan.Container) bool {
	return r.Status.Run != "" && !pauseEnded(r, actual) && !in.startAsked(r.Path)
}

// startAsked reports whether the user wants the container to run whatever it was made to do before.
func (in *input) startAsked(p resource.Path) bool { return in.opts.Start && in.isTarget(p) }

// isTarget reports whether p is a target, or below one; without targets everything is.
func (in *input) isTarget(p resource.Path) bool {
	for _, t := range in.opts.Targets {
		if t.Contains(p) {
			return true
		}
	}
	return len(in.opts.Targets) == 0
}

// forgotten returns the removal that wants p to go on without us, or nil.
func (in *input) forgotten(p resource.Path) *plan.Removal {
	for i, r := range in.opts.Removals {
		if r.Forget && r.From.Contains(p) {
			return &in.opts.Removals[i]
		}
	}
	return nil
}

// specOf returns the spec that the resource at p will have as far as the configuration or the state tell, or nil.
func (in *input) specOf(p resource.Path) resource.Spec {
	if r := in.desired.Resource(p); r != nil && !r.External {
		return r.Spec
	}
	if r := in.prior.Records[p]; r != nil {
		return r.Spec
	}
	return nil
}
