package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
	"github.com/kukeon/kuke/planner/state"
)

// scopeOptions say where a resource is that is given by its name alone.
type scopeOptions struct {
	realm, space, stack, cell string
}

func (o *scopeOptions) addScopeFlags(cmd *cobra.Command) {
	o.addParentFlags(cmd, resource.KindContainer)
}

// addParentFlags adds the flags that name the parents of a resource of the kind.
func (o *scopeOptions) addParentFlags(cmd *cobra.Command, kind resource.Kind) {
	flags := []struct {
		of         *string
		name, help string
	}{
		{&o.realm, "realm", "`realm` of a resource that is given by name"}, {&o.space, "space", "`space` of the resource"},
		{&o.stack, "stack", "`stack` of the resource"}, {&o.cell, "cell", "`cell` of the resource"},
	}
	for _, f := range flags[:levelsAbove(kind)] {
		cmd.Flags().StringVar(f.of, f.name, "default", f.help)
	}
}

// levelsAbove returns the number of levels above a resource of the kind whose parents the flags name.
func levelsAbove(kind resource.Kind) int {
	fields, _ := manifest.ParentFields(kind)
	return len(fields)
}

// inScope returns the path of the resource of the kind with the name, whose parents the flags tell.
func (o *scopeOptions) inScope(kind resource.Kind, name string) (resource.Path, error) {
	above := resource.Path(strings.Join([]string{o.realm, o.space, o.stack, o.cell}[:levelsAbove(kind)], "/"))
	if kind == resource.KindVolume {
		name = strings.TrimPrefix(name, "@")
	}
	return resource.ParsePath(string(kind.Below(above, name)))
}

// path returns the path of a resource of the kind, given by its path or its name.
func (o *scopeOptions) path(kind resource.Kind, arg string) (resource.Path, error) {
	if kind != resource.KindRealm && !strings.Contains(arg, "/") {
		return o.inScope(kind, arg)
	}
	p, err := resource.ParsePath(arg)
	if err == nil && p.Kind() != kind {
		err = fmt.Errorf("%s is the path of a %s, not of a %s", p, p.Kind().Lower(), kind.Lower())
	}
	return p, err
}

// scope returns the path for arg: a path, or the name of a resource of the kind, whose parents
// the flags tell.
func (o *scopeOptions) scope(st *state.State, kind resource.Kind, arg string) (resource.Path, error) {
	p, err := resource.ParsePath(strings.TrimPrefix(arg, "@"))
	if err != nil {
		return "", err
	}
	if kind != resource.KindRealm && !strings.Contains(arg, "/") {
		named, err := o.inScope(kind, arg)
		if err != nil {
			return "", err
		}
		if st.Records[named] != nil {
			return named, nil
		}
		if st.Records[p] == nil {
			return "", st.Missing(named)
		}
	}
	if _, err := session.Recorded(st, p); err != nil {
		return "", err
	}
	if p.Kind() != kind && !kind.Under(p.Kind()) {
		return "", fmt.Errorf("%s is a %s: a %s is never below one", p, p.Kind().Lower(), kind.Lower())
	}
	return p, nil
}
