package config

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/realm"
)

var hclFormat = &format{
	field:     "argument",
	attribute: func(a *realm.Attribute) string { return a.HCLName },
	lax:       true,
	rootID:    "root_container_id",
	reserved: func(k realm.Kind) []string {
		names := []string{"external"}
		if k != realm.KindRealm {
			names = append(names, "parent")
		}
		if k == realm.KindCell {
			names = append(names, "root_container_id")
		}
		return append(names, kindWords()...)
	},
}

// hclReader turns one HCL file into declarations.
type hclReader struct {
	diags *realm.Diagnostics
	decls []*declaration
}

func readHCL(name string, data []byte, diags *realm.Diagnostics) []*declaration {
	if !boundedHCL(name, data, diags) {
		return nil
	}
	file, problems := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	r := &hclReader{diags: diags}
	if problems.HasErrors() && looksLikeYAML(data) {
		diags.Errorf(realm.Range{File: name}, "", "Not HCL", "The file is read as HCL, but looks like YAML. If it is, let its name end in .yaml.")
		return nil
	}
	r.report(problems)
	if problems.HasErrors() {
		return nil
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		panic(fmt.Sprintf("hclsyntax made a body of type %T", file.Body))
	}
	for _, attr := range sortedAttributes(body) {
		r.diags.Errorf(hclRange(attr.NameRange), "", "Unsupported argument", "No argument stands at the top level, but %q does. Write it in the block it is for.", shorten(attr.Name))
	}
	for _, block := range body.Blocks {
		if k, ok := r.topLevel(block); ok {
			r.declare(block, k, "", true)
		}
	}
	return r.decls
}

// topLevel returns the kind of a block at the top level, or reports that there is none.
func (r *hclReader) topLevel(block *hclsyntax.Block) (realm.Kind, bool) {
	if k, ok := kindOf(block.Type); ok {
		return k, true
	}
	hint := suggest(block.Type, kindWords())
	switch block.Type {
	case "variable", "locals", "output", "module", "provider", "resource", "data", "terraform":
		hint = " This version reads resources only: write the values themselves."
	}
	if hint == "" {
		hint = " At the top level stand " + strings.Join(kindWords(), ", ") + "."
	}
	r.diags.Errorf(hclRange(block.TypeRange), "", "Unsupported block", "There is no block %q.%s", shorten(block.Type), hint)
	return "", false
}

func kindOf(word string) (realm.Kind, bool) {
	i := slices.IndexFunc(realm.Kinds, func(k realm.Kind) bool { return k.Lower() == word })
	if i < 0 {
		return "", false
	}
	return realm.Kinds[i], true
}

func kindWords() []string {
	words := make([]string, 0, len(realm.Kinds))
	for _, k := range realm.Kinds {
		words = append(words, k.Lower())
	}
	return words
}

// declare adds the resource that block stands for, and those nested in it. parent is the path it is nested in.
func (r *hclReader) declare(block *hclsyntax.Block, k realm.Kind, parent realm.Path, top bool) {
	d := &declaration{kind: k, format: hclFormat, declared: hclRange(block.DefRange())}
	d.body = r.body(block.Body, func(b *hclsyntax.Block) bool {
		_, isKind := kindOf(b.Type)
		return isKind
	})
	d.body.rng = d.declared
	if top && k != realm.KindRealm {
		parent = r.parent(d)
	} else if v := d.body.take("parent"); v != nil {
		why := fmt.Sprintf("This %s is written inside its parent", d.kind.Lower())
		if k == realm.KindRealm {
			why = "A realm has no parent"
		}
		r.diags.Errorf(v.rng, "", "Unsupported argument", "%s: remove the argument parent.", why)
	}
	if name := r.blockName(block, k); name != nil {
		d.path = childPath(r.diags, k, parent, name)
	}
	r.decls = append(r.decls, d)
	for _, nested := range block.Body.Blocks {
		nk, ok := kindOf(nested.Type)
		switch {
		case !ok:
		case nk == k.Child():
			r.declare(nested, nk, d.path, false)
		default:
			r.diags.Errorf(hclRange(nested.DefRange()), d.path, "Misplaced block", "A %s can't hold a %s. The levels are %s; write the %s in a %s, or at the top level with parent = \"…\".",
				k.Lower(), nested.Type, strings.Join(kindWords(), " > "), nested.Type, above(nk))
		}
	}
}

// above returns the word for the kind that holds k; for realms, which nothing holds, the file.
func above(k realm.Kind) string {
	if d := k.Depth(); d > 1 {
		return realm.Kinds[d-2].Lower()
	}
	return "file of its own"
}

// blockName returns the label of a resource's block.
func (r *hclReader) blockName(block *hclsyntax.Block, k realm.Kind) *value {
	switch len(block.Labels) {
	case 0:
		r.diags.Errorf(hclRange(block.DefRange()), "", "Missing name", "The name of the %s is missing. Write it after the word: %s \"name\" { … }.", k.Lower(), k.Lower())
		return nil
	case 1:
		return &value{kind: stringKind, text: block.Labels[0], rng: hclRange(block.LabelRanges[0])}
	}
	r.diags.Errorf(hclRange(block.LabelRanges[1]), "", "Extra name", "A %s has one name. Its parents are the blocks around it, or stand in parent = \"…\".", k.Lower())
	return nil
}

// parent returns the path in the argument parent of a block at the top level, or the empty path once it has reported
// what is wrong with it.
func (r *hclReader) parent(d *declaration) realm.Path {
	shape := make([]string, 0, len(realm.Kinds))
	for _, k := range realm.Kinds[:d.kind.Depth()-1] {
		shape = append(shape, k.Lower())
	}
	wants := fmt.Sprintf("parent = %q", strings.Join(shape, "/"))
	v := d.body.take("parent")
	if v == nil {
		r.diags.Errorf(d.declared, "", "Missing parent", "A %s at the top level must say where it belongs: write %s with the names, or move it into the block of its %s.", d.kind.Lower(), wants, above(d.kind))
		return ""
	}
	text, ok := d.decoder(r.diags).text(v, "parent", false)
	if !ok {
		return ""
	}
	p, err := realm.ParsePath(text)
	if err != nil {
		r.diags.Errorf(v.rng, "", "Invalid parent", "%s.", sentence(err.Error()))
		return ""
	}
	if p.Depth() != len(shape) {
		r.diags.Errorf(v.rng, "", "Invalid parent", "The parent of a %s is a %s, but %q is the path of a %s. Write %s with the names.", d.kind.Lower(), above(d.kind), text, p.Kind().Lower(), wants)
		return ""
	}
	return p
}

// body turns the arguments of a body and its blocks, except those that skip names, into an object. Blocks of one
// type become one field.
func (r *hclReader) body(body *hclsyntax.Body, skip func(*hclsyntax.Block) bool) *value {
	v := &value{kind: objectKind, rng: hclRange(body.Range())}
	for _, attr := range sortedAttributes(body) {
		if val := r.expression(attr.Expr); val != nil {
			v.fields = append(v.fields, field{attr.Name, hclRange(attr.NameRange), val})
		}
	}
	byType := map[string]*value{}
	for _, block := range body.Blocks {
		if skip(block) {
			continue
		}
		// What is wrong with a block of another type is its type.
		if len(block.Labels) > 0 && attributeWords()[block.Type] {
			r.diags.Errorf(hclRange(block.LabelRanges[0]), "", "Extra name", "A block %s has no name: write %s { … }.", shorten(block.Type), shorten(block.Type))
		}
		blocks := byType[block.Type]
		if blocks == nil {
			blocks = &value{kind: listKind, blocks: true, rng: hclRange(block.DefRange())}
			byType[block.Type] = blocks
			v.fields = append(v.fields, field{block.Type, hclRange(block.TypeRange), blocks})
		}
		item := r.body(block.Body, func(*hclsyntax.Block) bool { return false })
		item.rng = hclRange(block.DefRange())
		blocks.items = append(blocks.items, item)
	}
	return v
}

// attributeWords holds the names of all attributes, at every level.
var attributeWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	var add func(attrs []*realm.Attribute)
	add = func(attrs []*realm.Attribute) {
		for _, a := range attrs {
			words[a.HCLName] = true
			add(a.Fields)
		}
	}
	for _, k := range realm.Kinds {
		add(k.Attributes())
	}
	return words
})

// sortedAttributes returns the arguments of body in the order of the source.
func sortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	attrs := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		attrs = append(attrs, a)
	}
	slices.SortFunc(attrs, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return attrs
}

func hclRange(r hcl.Range) realm.Range {
	pos := func(p hcl.Pos) realm.Pos { return realm.Pos{Line: p.Line, Column: p.Column, Byte: p.Byte} }
	return realm.Range{File: r.Filename, Start: pos(r.Start), End: pos(r.End)}
}

// report passes on what HCL found.
func (r *hclReader) report(problems hcl.Diagnostics) {
	for _, p := range problems {
		d := realm.Diagnostic{Severity: realm.Error, Summary: p.Summary, Detail: p.Detail}
		if p.Severity == hcl.DiagWarning {
			d.Severity = realm.Warning
		}
		if p.Subject != nil {
			d.Subject = hclRange(*p.Subject)
		}
		*r.diags = append(*r.diags, d)
	}
}
