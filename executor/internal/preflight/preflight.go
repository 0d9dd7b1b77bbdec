// Package preflight looks into an image for reasons why a container could not run: mounts that are not possible, and a
// missing user, directory or program. It changes nothing, and runs nothing of the image.
package preflight

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/plan"
)

// Image finds the flaws of containers that are made from one image.
type Image struct {
	// Root is the mount point of its root file system, Name the reference to it.
	Root, Name string
	Config     ocispec.ImageConfig
	// Foreign says that the host runs programs of other architectures too.
	Foreign bool
	// known are the flaws found so far, by the settings that they depend on: many containers of a large configuration are
	// alike.
	known map[string][]plan.Flaw
}

// Flaws returns the flaws of a container. alone says that it waits for no other container: else that one may put a missing
// program into a volume, and there is no flaw.
func (p *Image) Flaws(c *resource.Container, alone bool) ([]plan.Flaw, error) {
	key, err := json.Marshal([]any{alone, c.Command, c.Args, c.Env["PATH"], c.User, c.GroupAdd, c.WorkingDir, c.Volumes, c.Tmpfs, c.Secrets, targets(c.Configs)})
	if err != nil {
		return nil, err
	}
	if found, ok := p.known[string(key)]; ok {
		return found, nil
	}
	found, awaited, err := p.Look(c)
	if awaited && !alone {
		found = nil // a container that it waits for may put the program there
	}
	if p.known == nil {
		p.known = map[string][]plan.Flaw{}
	}
	p.known[string(key)] = found
	return found, err
}

// Look looks for flaws of a container. awaited says that the only flaw is a program that another container may put into a
// volume.
func (p *Image) Look(c *resource.Container) (found []plan.Flaw, awaited bool, err error) {
	view := rootfs.New(p.Root)
	found, err = p.mounts(view, c)
	if err != nil || len(found) > 0 {
		return found, false, err // without its mounts the view differs from the container's
	}
	process := rootfs.Process{Env: append(slices.Clone(p.Config.Env), c.Env.Pairs()...), Dir: p.Config.WorkingDir, Foreign: p.Foreign}
	flawf := func(attribute, summary, format string, args ...any) {
		found = append(found, plan.Flaw{Attribute: attribute, Summary: summary, Text: fmt.Sprintf(format, args...)})
	}
	if user := cmp.Or(c.User, p.Config.User); user != "" {
		if _, err := rootfs.FindUser(p.Root, user); err != nil {
			flawf("user", "User not found", "is to run as user %s: %v. Use a user of image %s, or an id.", user, err, p.Name)
		}
	}
	for _, group := range c.GroupAdd {
		if err := rootfs.FindGroup(p.Root, group); err != nil {
			flawf("groupAdd", "Group not found", "is to have the group %s: %v. Use a group of image %s, or a gid.", group, err, p.Name)
		}
	}
	if c.WorkingDir != "" {
		process.Dir = c.WorkingDir
	}
	if flaw, err := view.DirFlaw(&process); err != nil {
		return nil, false, err
	} else if flaw != "" {
		flawf("workingDir", "Invalid working directory", "has the working directory %s, which %s. Choose a directory.", process.Dir, flaw)
		return found, false, nil
	}
	if process.Args, err = spec.Args(c, p.Config); err != nil {
		flawf("image", "Nothing to run", "has nothing to run: image %s has neither an entrypoint nor a command. Set command or args.", p.Name)
		return found, false, nil
	}
	if resource.IsSealed(process.Args[0]) || resource.IsSealed(c.Env["PATH"]) {
		return found, false, nil // a message would reveal the value
	}
	flaw, missing, err := view.ProgramFlaw(&process)
	awaited = missing && len(found) == 0
	if flaw != "" {
		attribute := "image"
		switch {
		case c.Command != "":
			attribute = "command"
		case len(c.Args) > 0 && len(p.Config.Entrypoint) == 0:
			attribute = "args"
		}
		remedy := fmt.Sprintf("Correct the command, or use another image than %s.", p.Name)
		if missing {
			remedy = "Put it into the volume, or correct the command."
		}
		flawf(attribute, "Program can't be run", "is to run %q, which %s. %s", process.Args[0], flaw, remedy)
	}
	return found, awaited, err
}

// targets returns the mount points of configs.
func targets(configs []resource.Config) []string {
	all := make([]string, 0, len(configs))
	for _, f := range configs {
		all = append(all, f.Target())
	}
	return all
}

// mounts adds the mounts of the container in the order in which they are made.
func (p *Image) mounts(view *rootfs.View, c *resource.Container) ([]plan.Flaw, error) {
	type mount struct {
		target, source, attribute, of string
		readOnly                      bool
	}
	var all []mount
	for _, v := range c.Volumes {
		all = append(all, mount{v.Target, v.Source, fmt.Sprintf("volumes[%q].target", v.Target), cmp.Or(v.Volume, v.Source), v.ReadOnly})
	}
	for _, t := range c.Tmpfs {
		all = append(all, mount{t.Path, "", fmt.Sprintf("tmpfs[%q].path", t.Path), "a tmpfs", false})
	}
	const anyFile = "/dev/null" // that of the secret or the config may not exist yet
	for _, f := range c.Configs {
		all = append(all, mount{f.Target(), anyFile, fmt.Sprintf("configs[%q].mountPath", f.Name), "the config " + f.Name, true})
	}
	for _, s := range c.Secrets {
		all = append(all, mount{s.Target(), anyFile, fmt.Sprintf("secrets[%q].mountPath", s.Name), "the secret " + s.Name, true})
	}
	slices.SortStableFunc(all, func(a, b mount) int { return strings.Compare(a.target, b.target) })
	var found []plan.Flaw
	for _, m := range all {
		flaw, err := view.Mount(m.target, m.source, m.readOnly)
		if err != nil {
			return nil, err
		}
		if flaw != "" {
			found = append(found, plan.Flaw{Attribute: m.attribute, Summary: "Mount not possible",
				Text: fmt.Sprintf("mounts %s at %s, which %s. Choose another path in the container, or another source.", m.of, m.target, flaw)})
		}
	}
	return found, nil
}
