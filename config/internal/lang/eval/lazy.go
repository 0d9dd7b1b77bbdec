package eval

import (
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/resource"
)

// lazy is a value that is evaluated when it is first asked for.
type lazy struct {
	state int
	value cty.Value
	ok    bool
	used  references
	// apart says that a value which asks for it does not use its resources: it is a resource itself.
	apart bool
}

func memo(all map[string]*lazy, name string) *lazy {
	if all[name] == nil {
		all[name] = &lazy{}
	}
	return all[name]
}

// references are resources that something refers to.
type references map[resource.Path]bool

// The states of a lazy value.
const (
	unasked = iota
	running
	finished
)

// maxDepth bounds how many values may wait for each other, since Go ends the whole program when a stack is full.
const maxDepth = 1000

// once evaluates l, which messages call name. Where ok is false an error has been reported.
func (e *Evaluator) once(l *lazy, name string, at resource.Range, work func() (cty.Value, bool)) (val cty.Value, ok bool) {
	switch l.state {
	case running:
		e.cycle(name, at)
		return cty.DynamicVal, false
	case unasked:
		if len(e.running) >= maxDepth {
			e.diags.Errorf(at, "", "Nested too deeply", "%s is the last of more than %d things of which each refers to the next. Make the chain shorter.", name, maxDepth)
			return cty.DynamicVal, false
		}
		l.state = running
		l.used = e.watch(name, func() { l.value, l.ok = work() })
		l.state = finished
		if l.ok && !l.apart {
			e.withhold(l.value)
		}
	}
	if !l.apart {
		e.use(l.used)
	}
	return l.value, l.ok
}

// watch runs work, which messages call name, and returns the resources that it asked for.
func (e *Evaluator) watch(name string, work func()) references {
	e.running = append(e.running, name)
	e.used = append(e.used, references{})
	work()
	used := e.used[len(e.used)-1]
	e.running, e.used = e.running[:len(e.running)-1], e.used[:len(e.used)-1]
	return used
}

// use notes that the value being evaluated asks for the resources.
func (e *Evaluator) use(used references) {
	if len(e.used) > 0 {
		maps.Copy(e.used[len(e.used)-1], used)
	}
}

// cycle reports that name, which is being evaluated, is asked for again.
func (e *Evaluator) cycle(name string, at resource.Range) {
	names := append(slices.Clone(e.running[slices.Index(e.running, name):]), name)
	if len(names) == 2 {
		e.diags.Errorf(at, "", "Cycle", "%s refers to itself, so that it can't be worked out. Remove this reference.", name)
		return
	}
	if most := 12; len(names) > most {
		names = slices.Concat(names[:most-2], []string{"…"}, names[len(names)-2:])
	}
	e.diags.Errorf(at, "", "Cycle", "%s: each refers to the next, so that none of them can be worked out first. Remove one of these references.", strings.Join(names, " → "))
}
