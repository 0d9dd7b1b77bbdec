package eval

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

var lifecycleSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "prevent_destroy"}, {Name: "ignore_changes"}, {Name: "replace_triggered_by"}, {Name: "create_before_destroy"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "precondition"}, {Type: "postcondition"}},
}

// lifecycle reads the block lifecycle of an instance.
func (e *Evaluator) lifecycle(n *Instance, d *schema.Declaration) {
	var blocks []*hclsyntax.Block
	for _, b := range n.block.Syntax.Body.Blocks {
		if b.Type == "lifecycle" {
			blocks = append(blocks, b)
		}
	}
	if len(blocks) == 0 {
		return
	}
	if len(blocks) > 1 {
		e.diags.Errorf(source.RangeOf(blocks[1].DefRange()), n.Path, "Duplicate block", "There is already a block lifecycle at %s. Put everything in one of them.", source.RangeOf(blocks[0].DefRange()))
		return
	}
	content, problems := blocks[0].Body.Content(lifecycleSchema)
	e.report(problems)
	if problems.HasErrors() {
		return
	}
	attrs := blocks[0].Body.Attributes
	l := &resource.Lifecycle{}
	if attr := attrs["create_before_destroy"]; attr != nil {
		e.diags.Errorf(source.RangeOf(attr.NameRange), n.Path, "Unsupported argument", "A resource of kuke is its path, so that the old one must go before the new one comes. Remove create_before_destroy.")
	}
	if attr := attrs["prevent_destroy"]; attr != nil {
		l.PreventDestroy = module.ConstantBool(attr.AsHCLAttribute(), e.diags)
	}
	if attr := attrs["ignore_changes"]; attr != nil {
		l.IgnoreChanges = e.ignored(n.block.Kind, attr)
	}
	if attr := attrs["replace_triggered_by"]; attr != nil {
		l.ReplaceTriggeredBy = e.triggers(n, attr)
	}
	for _, b := range content.Blocks {
		r := module.NewCondition(b, e.diags)
		switch {
		case r == nil:
		case b.Type == "precondition":
			n.check(e.holds(r, n.scope, resource.Error, "Precondition does not hold", n.Path))
		default:
			n.postconditions = append(n.postconditions, r)
		}
	}
	if !reflect.ValueOf(l).Elem().IsZero() {
		d.Lifecycle = l
	}
}

// ignored returns the names of the attributes whose changes are ignored, in manifest spelling and with the key of a member,
// as in env["TOKEN"]; "*" means all attributes.
func (e *Evaluator) ignored(k resource.Kind, attr *hclsyntax.Attribute) []string {
	if hcl.ExprAsKeyword(attr.Expr) == "all" {
		return []string{"*"}
	}
	list, problems := hcl.ExprList(attr.Expr)
	e.report(problems)
	var names []string
	for _, item := range list {
		t, problems := hcl.RelTraversalForExpr(item)
		if problems.HasErrors() || len(t) == 0 {
			e.diags.Errorf(source.RangeOf(item.Range()), "", "Invalid attribute", "ignore_changes is a list of attributes without quotes, such as image or env[\"TOKEN\"], or the word all.")
			continue
		}
		if name := e.ignoredName(k, t); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (e *Evaluator) ignoredName(k resource.Kind, t hcl.Traversal) string {
	attrs, name, written := k.Attributes(), "", ""
	for _, step := range t {
		word, ok := source.StepName(step)
		if _, isIndex := step.(hcl.TraverseIndex); isIndex && ok && name != "" {
			name += fmt.Sprintf("[%q]", word)
			continue
		}
		if _, isIndex := step.(hcl.TraverseIndex); isIndex && !ok && name != "" {
			e.diags.Errorf(source.RangeOf(step.SourceRange()), "", "Invalid attribute", "ignore_changes can't name one element by its position. Name the whole attribute: %s.", written)
			return ""
		}
		i := slices.IndexFunc(attrs, func(a *resource.Attribute) bool { return a.HCLName == word })
		if !ok || i < 0 {
			var names []string
			for _, a := range attrs {
				names = append(names, a.HCLName)
			}
			e.diags.Errorf(source.RangeOf(step.SourceRange()), "", "Invalid attribute", "A %s has no attribute %q to ignore changes of.%s", k.Lower(), message.Shorten(word), message.Suggest(word, names))
			return ""
		}
		name = strings.TrimPrefix(name+"."+attrs[i].Name, ".")
		written = strings.TrimPrefix(written+"."+word, ".")
		attrs = attrs[i].Fields
	}
	return name
}

// triggers returns the resources whose changes replace an instance.
func (e *Evaluator) triggers(n *Instance, attr *hclsyntax.Attribute) []resource.Trigger {
	if n.block.Kind != resource.KindContainer {
		e.diags.Errorf(source.RangeOf(attr.NameRange), n.Path, "Unsupported argument", "Only a container can be replaced because something else changes. Remove replace_triggered_by.")
		return nil
	}
	list, problems := hcl.ExprList(attr.Expr)
	e.report(problems)
	var all []resource.Trigger
	for _, item := range list {
		t, problems := hcl.AbsTraversalForExpr(item)
		k, isKind := resource.Kind(""), false
		if !problems.HasErrors() {
			k, isKind = schema.KindOf(t.RootName())
		}
		if !isKind {
			e.diags.Errorf(source.RangeOf(item.Range()), n.Path, "Invalid reference", "replace_triggered_by is a list of resources or their attributes, such as container.db or container.db.image.")
			continue
		}
		all = append(all, e.trigger(n, k, t)...)
	}
	return merged(all)
}

// merged returns the triggers with one for each resource, sorted.
func merged(triggers []resource.Trigger) []resource.Trigger {
	whole := map[resource.Path]bool{}
	attributes := map[resource.Path][]string{}
	for _, t := range triggers {
		whole[t.Path] = whole[t.Path] || len(t.Attributes) == 0
		attributes[t.Path] = append(attributes[t.Path], t.Attributes...)
	}
	var all []resource.Trigger
	for _, p := range slices.SortedFunc(maps.Keys(attributes), resource.ComparePaths) {
		t := resource.Trigger{Path: p}
		if !whole[p] {
			t.Attributes = attributes[p]
			slices.Sort(t.Attributes)
			t.Attributes = slices.Compact(t.Attributes)
		}
		all = append(all, t)
	}
	return all
}

func (e *Evaluator) trigger(n *Instance, k resource.Kind, t hcl.Traversal) []resource.Trigger {
	var wanted resourceReferences
	if !wanted.add(e, k, t, nil) {
		return nil
	}
	attribute := wanted[0].attributes[0]
	wanted[0].attributes, wanted[0].all, wanted[0].mentioned = []string{"path"}, false, true
	used := e.watch("replace_triggered_by of "+n.name, func() { wanted[0].value(e, n.scope) })
	a := slices.IndexFunc(k.Attributes(), func(a *resource.Attribute) bool { return a.HCLName == attribute })
	if attribute != "" && a < 0 {
		e.diags.Errorf(source.RangeOf(t.SourceRange()), n.Path, "Invalid reference", "%s of a %s is nothing that a configuration changes.", attribute, k.Lower())
		return nil
	}
	var all []resource.Trigger
	for p := range used {
		trigger := resource.Trigger{Path: p}
		if a >= 0 {
			trigger.Attributes = []string{k.Attributes()[a].Name}
		}
		if p == n.Path {
			e.diags.Errorf(source.RangeOf(t.SourceRange()), n.Path, "Invalid reference", "A container can't be replaced because of itself.")
			continue
		}
		all = append(all, trigger)
	}
	return all
}

// postconditions evaluates the postconditions of a resource.
func (e *Evaluator) postconditions(n *Instance) {
	if len(n.postconditions) == 0 || n.declaration == nil {
		return
	}
	self, ok := n.object(&resourceReference{kind: n.block.Kind, label: n.block.Label, at: n.named, all: true})
	if !ok {
		return
	}
	for _, r := range n.postconditions {
		n.check(e.holds(r, n.scope.with("self", self), resource.Error, "Postcondition does not hold", n.Path))
	}
}
