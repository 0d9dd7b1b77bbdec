package refactoring

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// movedBlock is a block moved, or the part of it about one of several instances. Its addresses may be of resources that are
// declared no longer.
type movedBlock struct {
	block    *hclsyntax.Block
	from, to *address
	// place is the path of the resource that both are in, where the block around them has several instances.
	place resource.Path
	// path is the path that it moves a resource to, with ok, once it is known; asked says that this was begun, and ended that
	// it is done.
	path             resource.Path
	ok, asked, ended bool
}

// movedBlocks are the blocks moved of a module.
type movedBlocks struct {
	reader *reader
	all    []*movedBlock
	// byFrom holds them by the place and the address that they move a resource from.
	byFrom map[movedFrom]*movedBlock
}

type movedFrom struct {
	place   resource.Path
	address string
}

// moved returns the moves that the blocks moved of the module declare.
func (m *reader) moved() []Move {
	written := movedBlocks{m, nil, map[movedFrom]*movedBlock{}}
	for _, b := range m.in.Module.StateBlocks {
		if b.Type != "moved" || !m.fits(b, movedSchema) {
			continue
		}
		read := &movedBlock{block: b}
		var fromOK, toOK bool
		read.from, fromOK = m.addressOf(b.Body.Attributes["from"].Expr, m.in.Scope())
		read.to, toOK = m.addressOf(b.Body.Attributes["to"].Expr, m.in.Scope())
		if fromOK && toOK {
			written.add(read)
		}
	}
	blocks := movedBlocks{m, nil, map[movedFrom]*movedBlock{}}
	for _, b := range written.all {
		for _, one := range written.spread(b, map[*movedBlock]bool{}) {
			blocks.add(one)
		}
	}
	var moves []Move
	for _, b := range blocks.all {
		if move, ok := blocks.move(b); ok {
			moves = append(moves, move)
		}
	}
	return moves
}

func (m *movedBlocks) add(b *movedBlock) {
	m.all = append(m.all, b)
	if b.from != nil {
		m.byFrom[movedFrom{b.place, b.from.text()}] = b
	}
}

// next returns the block that goes on where b ends, or nil.
func (m *movedBlocks) next(b *movedBlock) *movedBlock {
	return m.byFrom[movedFrom{b.place, b.to.text()}]
}

// spread returns the parts of a block about each instance: an address without a key is of all instances with the same key,
// and an address in a block with for_each or count is of each instance in its own.
func (m *movedBlocks) spread(b *movedBlock, seen map[*movedBlock]bool) []*movedBlock {
	if b.from == nil || b.to == nil || seen[b] {
		return []*movedBlock{b}
	}
	seen[b] = true
	groups, ok := m.reader.groupsOf(b.to)
	if !ok {
		return []*movedBlock{b}
	}
	var all []*movedBlock
	if next := m.next(b); len(groups) == 0 && next != nil {
		for _, n := range m.spread(next, seen) {
			all = append(all, b.instance(n.place, n.from.last().key))
		}
	}
	single := len(b.from.steps) == 1 && len(b.to.steps) == 1
	for _, g := range groups {
		place := resource.Path("")
		if len(groups) > 1 && single {
			place = g.Place()
		}
		switch key := b.to.last().key; {
		case key == cty.NilVal && b.from.last().key == cty.NilVal && g.Each.Keys != nil:
			for _, key := range g.Each.Keys {
				all = append(all, b.instance(place, key))
			}
		case len(groups) == 1 || g.Instance(key) != nil:
			all = append(all, b.instance(place, cty.NilVal))
		}
	}
	if len(all) == 0 {
		return []*movedBlock{b}
	}
	return all
}

// instance returns the part of b about the instance with the key in place, cty.NilVal for the instance that b names itself.
func (b *movedBlock) instance(place resource.Path, key cty.Value) *movedBlock {
	one := &movedBlock{block: b.block, from: b.from, to: b.to, place: place}
	if key != cty.NilVal && b.from.last().key == cty.NilVal && b.to.last().key == cty.NilVal {
		one.from, one.to = b.from.withKey(key), b.to.withKey(key)
	}
	return one
}

// groupsOf returns the instances of the block that the last step of an address names; none where that isn't one block.
func (m *reader) groupsOf(t *address) (groups []*eval.Group, ok bool) {
	in := resource.Path("")
	if above := len(t.steps) - 1; above > 0 {
		r, ok := m.resolve(&address{t.steps[:above], t.at}, "", m.in.Scope())
		if !ok || r.rest != nil {
			return nil, ok
		}
		in = r.path
	}
	blocks := m.in.Find(t.last().kind, t.last().label, nil)
	if len(blocks) != 1 {
		return nil, true
	}
	x, ok := m.in.Expand(blocks[0], t.at)
	return x.GroupsIn(in), ok
}

func (m *movedBlocks) move(b *movedBlock) (Move, bool) {
	at := source.RangeOf(b.block.DefRange())
	to, ok := m.end(b)
	if !ok {
		return Move{}, false
	}
	from, ok := m.begin(b, to)
	if !ok {
		return Move{}, false
	}
	if from == to {
		m.reader.diags.Errorf(at, from, "Invalid move", "%s can't be moved to itself.", from)
		return Move{}, false
	}
	return Move{From: from, To: to, Declared: at}, true
}

// end returns the path that a block moves a resource to. Its address may be declared, or be where another block goes on.
func (m *movedBlocks) end(b *movedBlock) (resource.Path, bool) {
	if b.asked {
		if !b.ended {
			m.reader.diags.Errorf(source.RangeOf(b.block.DefRange()), "", "Cycle of moves", "%s. Remove one of these blocks: a resource can't be moved to where it was.", m.cycle(b))
			b.ended = true
		}
		return b.path, b.ok
	}
	b.asked = true
	path, ok := m.findEnd(b)
	if !b.ended {
		b.path, b.ok, b.ended = path, ok, true
	}
	return b.path, b.ok
}

func (m *movedBlocks) findEnd(b *movedBlock) (resource.Path, bool) {
	if b.to == nil {
		return m.reader.pathOf(b.block.Body.Attributes["to"].Expr, m.reader.in.Scope(), true)
	}
	r, ok := m.reader.resolve(b.to, b.place, m.reader.in.Scope())
	if !ok || r.rest == nil {
		return r.path, ok
	}
	next := m.next(b)
	if next == nil {
		m.reader.notDeclared(b.to, r)
		return "", false
	}
	to, ok := m.end(next)
	if !ok {
		return "", false
	}
	return m.begin(next, to)
}

// begin returns the former path of the resource at to. It was beside that, or in a resource that was: one with the same
// label elsewhere is not meant.
func (m *movedBlocks) begin(b *movedBlock, to resource.Path) (resource.Path, bool) {
	if b.from == nil {
		return m.reader.pathOf(b.block.Body.Attributes["from"].Expr, m.reader.in.Scope(), true)
	}
	in := b.place
	if first := b.from.steps[0].kind; in == "" && first == resource.KindVolume {
		in = to.Parent()
	} else if in == "" {
		for in = to; in.Depth() >= first.Depth(); {
			in = in.Parent()
		}
	}
	r, ok := m.reader.resolve(b.from, in, m.reader.in.Scope())
	if !ok || r.rest == nil {
		return r.path, ok
	}
	from, ok := m.reader.former(r.above, r.rest)
	if !ok {
		m.reader.diags.Errorf(b.from.at, "", "Invalid move", "%s is not declared any more, so that its former path is unknown. Write that path, such as from = %q.", b.from.text(), schema.ParentShape(to.Kind(), "")+"/name")
	}
	return from, ok
}

// cycle names the addresses that the blocks move a resource through, from b back to it.
func (m *movedBlocks) cycle(b *movedBlock) string {
	var text strings.Builder
	text.WriteString(b.from.text())
	for next := b; ; {
		text.WriteString(" → " + next.to.text() + " (" + source.RangeOf(next.block.DefRange()).String() + ")")
		if next = m.next(next); next == nil || next == b {
			return text.String()
		}
	}
}
