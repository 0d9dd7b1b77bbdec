package state

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

// awkward is text that YAML or JSON could take for something else.
func awkward() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-c]{1,3}`),
		rapid.SampledFrom([]string{"true", "null", "~", "1", "1e3", "0x1f", "0o7", "2020-01-01", "- a", "a: b", "#x", " x ", "\n", "a\nb\n", "\t", "\x00", "\u2028", "\x7f", "\u0085", "\ufeff", "\uffff", "é", "<&>", "\"", "'", "\\", "%", "{}", "[]", "*a", "&a", "!!str", "|", ">-"}),
	)
}

func randomResources() *rapid.Generator[*resource.Resources] {
	return rapid.Custom(func(t *rapid.T) *resource.Resources {
		r := &resource.Resources{
			Memory: rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(1<<20, 1<<62)).Draw(t, "memory"),
			CPUs:   rapid.OneOf(rapid.SampledFrom([]float64{0, 0.5, 1, 1e-2}), rapid.Float64Range(0.01, 8192)).Draw(t, "cpus"),
			PIDs:   rapid.Int64Range(0, 4194304).Draw(t, "pids"),
		}
		if *r == (resource.Resources{}) {
			return nil
		}
		return r
	})
}

func randomRecord() *rapid.Generator[*Record] {
	return rapid.Custom(func(t *rapid.T) *Record {
		name := rapid.SampledFrom([]string{"a", "b", "a-b", "containers"})
		p := resource.Path("")
		for range rapid.IntRange(1, 5).Draw(t, "depth") {
			p = p.Join(name.Draw(t, "name"))
		}
		common := resource.Common{Resources: randomResources().Draw(t, "resources")}
		if rapid.Bool().Draw(t, "has labels") {
			common.Labels = rapid.MapOfN(awkward(), awkward(), 1, 2).Draw(t, "labels")
		}
		r := &Record{Path: p, Spec: resource.NewSpec(p.Kind())}
		switch spec := r.Spec.(type) {
		case *resource.Realm:
			spec.Common, spec.Namespace = common, awkward().Draw(t, "namespace")
		case *resource.Space:
			spec.Common = common
		case *resource.Stack:
			spec.Common = common
		case *resource.Cell:
			spec.Common = common
		case *resource.Container:
			timeout := rapid.Int64Range(0, 86400).Draw(t, "timeout")
			spec.Common, spec.Root, spec.StopTimeoutSeconds = common, rapid.Bool().Draw(t, "root"), &timeout
			spec.Image, spec.Args = awkward().Draw(t, "image"), rapid.SliceOfN(awkward(), 1, 3).Draw(t, "args")
			spec.Env = resource.Env{"A": awkward().Draw(t, "env"), "B": ""}
			spec.Volumes = []resource.VolumeMount{{Source: awkward().Draw(t, "source"), Target: "/t", ReadOnly: true}}
		}
		now := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "created"), 123e6).UTC()
		r.Status = Status{
			Project: awkward().Draw(t, "project"), Namespace: "ns", Cgroup: resource.CgroupOf(p, r.Spec), Limits: randomResources().Draw(t, "limits"),
			CreatedAt: &now,
		}
		if p.Kind() == resource.KindContainer {
			r.Status.ContainerID = resource.ContainerID(p)
		}
		return r
	})
}

// record returns a plain record of the resource at p; variant tells it from others of the same path.
func record(p resource.Path, variant int) *Record {
	r := &Record{Path: p, Spec: resource.NewSpec(p.Kind()), Status: Status{Project: fmt.Sprint("p", variant), Namespace: "kukeon-main", Cgroup: "/kukeon/" + string(p)}}
	if c, ok := r.Spec.(*resource.Container); ok {
		c.Image, c.Root = resource.DefaultImage, true
		r.Status.ContainerID = resource.ContainerID(p)
	}
	return r
}
