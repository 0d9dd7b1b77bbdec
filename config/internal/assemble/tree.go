package assemble

import (
	"iter"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// Tree decodes the declarations and puts them into one tree.
func Tree(decls []*schema.Declaration, diags *resource.Diagnostics) *resource.Tree {
	tree := Part(decls, diags)
	members := membersOf(decls)
	mountVolumes(decls, tree, diags)
	finishCells(decls, members, diags)
	validateRealms(decls, diags)
	validateNetworks(decls, tree, members, diags)
	validateHostPorts(decls, diags)
	validateNaming(decls, tree, diags)
	validateTriggers(decls, tree, diags)
	validateReferences(decls, diags)
	return tree
}

// Part is [Tree] for a part of all declarations: it does not check how they fit together.
func Part(decls []*schema.Declaration, diags *resource.Diagnostics) *resource.Tree {
	tree := resource.NewTree()
	for _, d := range decls {
		r := d.Decode(diags)
		if d.Path == "" {
			continue
		}
		if other := tree.Add(r); other != nil {
			hint := "Give one of them another name."
			if d.Kind != resource.KindContainer {
				hint = "Give one of them another name, or declare it once and write the resources in it at the top level, with its path as the parent."
			}
			diags.Errorf(d.Declared, d.Path, "Duplicate resource", "The %s %s is already declared at %s. %s", d.Kind.Lower(), d.Path, other.Declared, hint)
			continue
		}
		d.Resource = r
	}
	if !diags.HasErrors() && tree.Len() != len(decls) {
		// To lose a resource is to delete it.
		diags.Errorf(resource.Range{}, "", message.Bug, "Of %d resources declared only %d were understood. Please report it, with the configuration.", len(decls), tree.Len())
	}
	return tree
}

// specs yields the resources in the tree that have a spec of type S, with that, in the order of the source.
func specs[S resource.Spec](decls []*schema.Declaration) iter.Seq2[*resource.Resource, S] {
	return func(yield func(*resource.Resource, S) bool) {
		for _, d := range decls {
			if d.Resource == nil {
				continue
			}
			if s, ok := d.Resource.Spec.(S); ok && !yield(d.Resource, s) {
				return
			}
		}
	}
}

// membersOf returns, for every resource that is declared here and not external, the names of the levels declared directly below
// it. No others exist there.
func membersOf(decls []*schema.Declaration) map[resource.Path][]string {
	members := map[resource.Path][]string{}
	for r := range specs[resource.Spec](decls) {
		if !r.External {
			members[r.Path] = []string{}
		}
	}
	for r := range specs[resource.Spec](decls) {
		if names, ok := members[r.Path.Parent()]; ok && !r.Path.IsVolume() {
			members[r.Path.Parent()] = append(names, r.Path.Name())
		}
	}
	return members
}
