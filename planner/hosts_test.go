package planner

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestHostsFile(t *testing.T) {
	const local = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
	if got := plan.HostsFile(theCell, nil, nil); got != local {
		t.Errorf("without a network: %s", got)
	}
	h := newHost(t)
	h.converge(withOther(func(s specs) {
		// Another stack of the space, and one of another space, have cells of the same name.
		s["main/default/a"], s["main/default/a/db"], s["main/default/a/web"] = &resource.Stack{}, &resource.Cell{}, &resource.Cell{}
		addCells(s, "db")
		container(s, theRoot).NetworksAliases = []string{"www", "web"}
		container(s, theSide).NetworksAliases = []string{"www", "also"}
		container(s, theSide).Networks = []string{"other"}
	}), Options{})
	compare(t, h.hosts[theCell], local+`10.88.0.5 web web.blog also www
10.88.0.4 db db.blog
10.88.0.2 db.a
10.88.0.3 web.a
10.88.1.3 db.x
`)
	compare(t, h.hosts["main/default/a/web"], local+`10.88.0.3 web web.a
10.88.0.2 db db.a
10.88.0.4 db.blog
10.88.0.5 web.blog also www
`)
	compare(t, h.hosts[otherCell], local+`10.88.1.3 db db.x
10.88.1.2 web web.blog also www
`)
}

// The files of those cells are written whose neighbours change, and of no others.
func TestNamesFollow(t *testing.T) {
	h := newHost(t)
	base := func(s specs) {
		addCells(s, "b")
		container(s, otherRoot).Networks = []string{"default"}
		s["main/third"], s["main/third/y"], s["main/third/y/z"] = &resource.Space{}, &resource.Stack{}, &resource.Cell{}
	}
	h.converge(withOther(base), Options{})
	p := h.converge(withOther(func(s specs) { base(s); addCells(s, "c") }), Options{})
	compare(t, text(p), `
create main/default/blog/c
create main/default/blog/c/main
--
0 create main/default/blog/c
1 image kukeon-main side:1
2 create main/default/blog/c/main after [0 1]
3 names [main/default/blog/b main/default/blog/web]
4 names [main/other/x/db]
`)
}

func namesOf(p *plan.Plan) (cells []resource.Path) {
	for _, n := range p.Names {
		cells = append(cells, n.Update...)
	}
	return cells
}

// What other projects have is not touched, but for the names that everybody in a space sees.
func TestNamesOfOtherProjects(t *testing.T) {
	h := newHost(t)
	h.converge(example(nil), Options{Project: "base"})
	mine := tree(specs{theRealm: &resource.Realm{}, theSpace: &resource.Space{}, "main/default/mine": &resource.Stack{}, "main/default/mine/c": &resource.Cell{}})
	mine.Resource(theRealm).External, mine.Resource(theSpace).External = true, true
	p := h.converge(mine, Options{})
	compare(t, changesOf(p), "create main/default/mine\ncreate main/default/mine/c\n")
	if got := namesOf(p); !slices.Equal(got, []resource.Path{theCell}) {
		t.Errorf("names of %v", got)
	}
	compare(t, changesOf(h.plan(example(nil), Options{Project: "base"})), "")
	p = h.converge(nil, Options{Destroy: true})
	if got := namesOf(p); !slices.Equal(got, []resource.Path{theCell}) {
		t.Errorf("names of %v", got)
	}
	// An edited file is mended by the project that it belongs to.
	h.hosts[theCell] = ""
	if p := h.plan(mine, Options{Destroy: true}); !p.Empty() {
		t.Errorf("plan:\n%s", text(p))
	}
	compare(t, changesOf(h.plan(example(nil), Options{Project: "base"})), "update main/default/blog/web\n  # changed outside of kuke: its /etc/hosts\n")
}

func TestForeignCells(t *testing.T) {
	h := newHost(t)
	h.converge(withOther(nil), Options{Project: "base"})
	mine := func(edit func(*resource.Container)) *resource.Tree {
		c := &resource.Container{Image: "mine:1"}
		edit(c)
		tr := tree(specs{theCell: &resource.Cell{}, theCell + "/mine": c})
		tr.Resource(theCell).External = true
		return tr
	}
	for name, edit := range map[string]func(*resource.Container){
		"ports":           func(c *resource.Container) { c.Ports = []string{"80"} },
		"networks":        func(c *resource.Container) { c.Networks = []string{"other"} },
		"networksAliases": func(c *resource.Container) { c.NetworksAliases = []string{"x"} },
	} {
		_, diags := h.new(mine(edit), Options{})
		wantError(t, diags, "Cell is managed elsewhere", theCell+"/mine", "sets "+name+", which concerns all of cell main/default/blog/web")
	}
	compare(t, changesOf(h.converge(mine(func(*resource.Container) {}), Options{})), "create main/default/blog/web/mine\n")
	// A cell of one's own takes what a container in it wants, declared or not.
	own := newHost(t)
	own.converge(withOther(nil), Options{})
	more := tree(specs{theCell + "/more": &resource.Container{Image: "side:1", Ports: []string{"80"}, Networks: []string{"other"}}})
	for _, opts := range []Options{{}, {Targets: []resource.Path{theCell + "/more"}}} {
		compare(t, changesOf(own.plan(more, opts)), `update main/default/blog/web
  networks["other"]: <nil> -> 10.88.1.3/24
  published["32768:80"]: <nil> -> true
create main/default/blog/web/more
`)
	}
	own.converge(more, Options{Targets: []resource.Path{theCell + "/more"}})
}

func TestTargetsBringWhatTheyNeed(t *testing.T) {
	h := newHost(t)
	desired := withOther(func(s specs) {
		container(s, theSide).Networks = []string{"third"}
		s["main/third"], s["main/third/y"] = &resource.Space{}, &resource.Stack{}
		s[theCell].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(otherCell)}}
		addCells(s, "b")
	})
	p := h.converge(desired, Options{Targets: []resource.Path{theCell}})
	compare(t, changesOf(p), `
create main
create main/default
create main/default/blog
create main/default/blog/web
create main/default/blog/web/web
create main/default/blog/web/side
create main/other
create main/other/x
create main/other/x/db
create main/other/x/db/db
create main/third
`)
	wantOrder(t, p, "create main/other/x/db/db", "create main/default/blog/web/web")
}

func TestCellsWaitForEachOther(t *testing.T) {
	depends := func(condition resource.Condition) *resource.Tree {
		return withOther(func(s specs) {
			s[theCell].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(otherCell), Condition: condition}}
			s[otherCell+"/more"] = &resource.Container{Image: "side:1", Healthcheck: &resource.Healthcheck{TCP: "localhost:1"}}
		})
	}
	for condition, steps := range map[resource.Condition][]string{
		"":                 {"create main/other/x/db", "create main/other/x/db/db", "create main/other/x/db/more"},
		resource.Healthy:   {"create main/other/x/db/db", "check main/other/x/db/more"},
		resource.Completed: {"check main/other/x/db/db", "create main/other/x/db/more"},
	} {
		h := newHost(t)
		p := h.converge(depends(condition), Options{})
		for _, step := range steps {
			wantOrder(t, p, step, "create main/default/blog/web/web")
			wantOrder(t, p, step, "create main/default/blog/web/side")
		}
		p = h.converge(nil, Options{Destroy: true})
		wantOrder(t, p, "delete main/default/blog/web/web", "delete main/other/x/db/more")
		wantOrder(t, p, "delete main/default/blog/web/side", "delete main/other/x/db/db")
	}
	// A container that waits for another's condition waits for its check; and taken down it goes first.
	h := newHost(t)
	p := h.converge(example(func(s specs) {
		s[theCell+"/job"] = &resource.Container{Image: "side:1", Healthcheck: &resource.Healthcheck{TCP: "localhost:1"}}
		container(s, theSide).DependsOn = []resource.Dependency{{Name: "job", Condition: resource.Healthy}}
	}), Options{})
	wantOrder(t, p, "check main/default/blog/web/job", "create main/default/blog/web/side")
	wantOrder(t, h.converge(nil, Options{Destroy: true}), "delete main/default/blog/web/side", "delete main/default/blog/web/job")
}

// Two dependencies that were turned around by an apply that was interrupted can still be destroyed.
func TestTurnedDependencies(t *testing.T) {
	turned := func(from, to resource.Path) *resource.Tree {
		return withOther(func(s specs) { s[from].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(to)}} })
	}
	for count := range 3 {
		h := newHost(t)
		h.converge(turned(theCell, otherCell), Options{})
		h.applySome(h.plan(turned(otherCell, theCell), Options{}), count, func(free []int) int { return len(free) - 1 })
		h.converge(nil, Options{Destroy: true})
	}
}
