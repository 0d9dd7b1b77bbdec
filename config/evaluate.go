package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/assemble"
	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// evaluator works out what modules say. Everything is worked out when it is first asked for, and once: what asks for
// itself on the way is a cycle.
type evaluator struct {
	sources *source.Files
	input   Input
	diags   *resource.Diagnostics
	// rootDir is the directory of the whole configuration, modules those that were read, by their directories.
	rootDir   string
	root      *moduleInstance
	modules   map[string]*module.Module
	functions map[string]map[string]function.Function
	// running names what is being worked out, the outermost first.
	running []string
	// used holds, for each of those, the resources that it asked for.
	used []references
	// declared holds what has been declared so far, in the order of the source, and all the instances of blocks.
	declared []*schema.Declaration
	all      []*instance
	// objects holds the declared resources as references see them, once one asked for that.
	objects map[*schema.Declaration]cty.Value
	// pending says that something only planning works out was asked for.
	pending bool
	// prepared holds the expressions that were evaluated.
	prepared map[hcl.Expression]*prepared
	// paths holds what byPath made of expressions.
	paths map[hclsyntax.Expression]hclsyntax.Expression
	// count counts what for_each, count and blocks have made so far, spent what was worked through.
	count, spent int
}

func newEvaluator(in Input, diags *resource.Diagnostics) *evaluator {
	return &evaluator{
		sources: source.NewFiles(), input: in, diags: diags, modules: map[string]*module.Module{}, objects: map[*schema.Declaration]cty.Value{},
		functions: map[string]map[string]function.Function{}, prepared: map[hcl.Expression]*prepared{}, paths: map[hclsyntax.Expression]hclsyntax.Expression{},
	}
}

// work works out everything that the root module says.
func (e *evaluator) work(c *Configuration) {
	e.all, e.declared = nil, nil
	instances := []*moduleInstance{e.root}
	for i := 0; i < len(instances); i++ {
		m := instances[i]
		m.declareModule()
		for _, call := range m.module.CallOrder {
			if x, ok := m.expandCall(call, source.RangeOf(call.Syntax.DefRange())); ok {
				instances = append(instances, x.instances...)
			}
		}
	}
	c.Tree = assemble.Tree(e.declared, e.diags)
	clear(e.objects) // which container is a cell's root is known only now
	e.pending = e.pending || slices.ContainsFunc(e.declared, func(d *schema.Declaration) bool { return d.Incomplete })
	for _, n := range e.all {
		e.checkPostconditions(n)
	}
	for _, m := range instances {
		m.runChecks()
		m.surgery(c)
	}
	c.checkSurgery(e.diags)
	for _, name := range slices.Sorted(maps.Keys(e.root.module.Outputs)) {
		o := e.root.module.Outputs[name]
		if val, ok := e.root.result(name, o.Declared); ok {
			e.pending = e.pending || !val.IsWhollyKnown()
			c.Outputs = append(c.Outputs, Output{Name: name, Description: o.Description, Value: val, Sensitive: o.Sensitive || functions.IsSensitive(val), Declared: o.Declared})
		}
	}
}

// declareModule works out the variables, local values and resources of a module, used or not: what is wrong shows.
func (m *moduleInstance) declareModule() {
	for _, name := range slices.Sorted(maps.Keys(m.module.Variables)) {
		m.variable(name, m.module.Variables[name].Declared)
	}
	for _, name := range slices.Sorted(maps.Keys(m.module.Locals)) {
		m.local(name, source.RangeOf(m.module.Locals[name].NameRange))
	}
	for _, b := range m.module.Blocks {
		m.declareAll(b)
	}
	m.eval.declared = append(m.eval.declared, m.module.Manifests...)
	for _, name := range slices.Sorted(maps.Keys(m.module.Outputs)) {
		m.result(name, m.module.Outputs[name].Declared)
	}
}

// references are resources that something refers to.
type references map[resource.Path]bool

// lazy is a value that is worked out when it is first asked for.
type lazy struct {
	state int
	value cty.Value
	ok    bool
	used  references
	// apart says that what asks for it needs none of what it used: it is something that can be referred to itself.
	apart bool
}

// The states of a lazy value.
const (
	unasked = iota
	running
	finished
)

// maxDepth bounds how many things may wait for each other, since Go ends the whole program when a stack is full.
const maxDepth = 1000

// once works out l, which messages call name. Where ok is false that has been reported.
func (e *evaluator) once(l *lazy, name string, at resource.Range, work func() (cty.Value, bool)) (val cty.Value, ok bool) {
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
	}
	if !l.apart {
		e.use(l.used)
	}
	return l.value, l.ok
}

// watch runs work, which messages call name, and returns the resources that it asked for.
func (e *evaluator) watch(name string, work func()) references {
	e.running = append(e.running, name)
	e.used = append(e.used, references{})
	work()
	used := e.used[len(e.used)-1]
	e.running, e.used = e.running[:len(e.running)-1], e.used[:len(e.used)-1]
	return used
}

// use notes that what is being worked out asks for the resources.
func (e *evaluator) use(used references) {
	if len(e.used) > 0 {
		maps.Copy(e.used[len(e.used)-1], used)
	}
}

// cycle reports that name, which is being worked out, is asked for again.
func (e *evaluator) cycle(name string, at resource.Range) {
	names := append(slices.Clone(e.running[slices.Index(e.running, name):]), name)
	if len(names) == 2 {
		e.diags.Errorf(at, "", "Cycle", "%s refers to itself, so that it can't be worked out. Take this reference away.", name)
		return
	}
	if most := 12; len(names) > most {
		names = slices.Concat(names[:most-2], []string{"…"}, names[len(names)-2:])
	}
	e.diags.Errorf(at, "", "Cycle", "%s: each refers to the next, so that none of them can be worked out first. Take one of these references away.", strings.Join(names, " → "))
}

// scope is where an expression stands.
type scope struct {
	in *moduleInstance
	// within is the resource whose block it stands in, or nil.
	within *instance
	// names are what blocks around it define: each, count, self and the iterators of dynamic blocks.
	names map[string]cty.Value
}

// with returns a scope in which name has the value as well.
func (s *scope) with(name string, val cty.Value) *scope {
	inner := *s
	inner.names = maps.Clone(s.names)
	if inner.names == nil {
		inner.names = map[string]cty.Value{}
	}
	inner.names[name] = val
	return &inner
}

// evaluate returns the value of expr, which may be unknown or marked, or reports why it has none.
func (e *evaluator) evaluate(expr hcl.Expression, s *scope) (cty.Value, bool) {
	at := source.RangeOf(expr.Range())
	if !e.spend(1, at) {
		return cty.DynamicVal, false
	}
	x := e.prepare(expr)
	ctx, ok := e.context(x.variables, e.usesOf(x, s), s)
	if !ok {
		return cty.DynamicVal, false
	}
	val, problems := x.Value(ctx)
	e.report(problems)
	if problems.HasErrors() {
		return cty.DynamicVal, false
	}
	size, err := functions.Size(val)
	if err != nil {
		e.diags.Errorf(at, "", "Too large", "%s. Make it smaller.", message.Sentence(err.Error()))
		return cty.DynamicVal, false
	}
	if bounded, ok := x.Expression.(*functions.BoundedExpr); ok {
		size += bounded.Worked()
	}
	return val, e.spend(size, at)
}

// prepared is an expression that counts what it works through, with what it refers to.
type prepared struct {
	hcl.Expression
	variables []hcl.Traversal
	keyed     []keyed
}

// prepare returns what is to be evaluated in place of expr, which must not be evaluated by itself any more.
func (e *evaluator) prepare(expr hcl.Expression) *prepared {
	if x := e.prepared[expr]; x != nil {
		return x
	}
	x := &prepared{Expression: expr, variables: expr.Variables()}
	if written, ok := expr.(hclsyntax.Expression); ok {
		x.keyed = keyedIn(written)
		x.Expression = functions.Bounded(written)
	}
	e.prepared[expr] = x
	return x
}

// maxWork bounds what all expressions of a configuration work through and make, together: each for itself is bounded, but
// there may be many.
const maxWork = 16 << 20

// spend notes that n values were worked through, and returns false once that is too much, which it reports once.
func (e *evaluator) spend(n int, at resource.Range) bool {
	if e.spent > maxWork {
		return false
	}
	if e.spent += n; e.spent > maxWork {
		e.diags.Errorf(at, "", "Too much to work out", "All expressions together work through more than %d values, the most that is allowed. Make lists smaller, or repeat less.", maxWork)
		return false
	}
	return true
}

// report passes on what HCL found.
func (e *evaluator) report(problems hcl.Diagnostics) {
	for _, p := range problems {
		if p.Severity == hcl.DiagError && p.Summary == "Call to unknown function" && p.Subject != nil {
			// HCL's own hint is another each time where several names are as near.
			name := e.sources.Text(*p.Subject)
			p.Detail = fmt.Sprintf("There is no function named %q.%s", message.Shorten(name), message.Suggest(name, slices.Sorted(maps.Keys(e.functionsIn(e.rootDir)))))
			if why := functions.Excluded(strings.TrimPrefix(name, "core::")); why != "" {
				p.Detail = message.Sentence(why)
			}
		}
	}
	source.Report(problems, e.diags)
}

// context gathers what an expression refers to.
func (e *evaluator) context(variables []hcl.Traversal, uses map[int]use, s *scope) (*hcl.EvalContext, bool) {
	ok := true
	vars := map[string]cty.Value{}
	members := map[string]map[string]cty.Value{}
	var wanted resourceReferences
	for _, t := range variables {
		root := t.RootName()
		if val, found := s.names[root]; found {
			vars[root] = val
			continue
		}
		if k, isKind := schema.KindOf(root); isKind {
			ok = wanted.add(e, k, t, uses) && ok
			continue
		}
		name, val, found := e.member(root, t, s)
		ok = ok && found
		if !found {
			continue
		}
		if members[root] == nil {
			members[root] = map[string]cty.Value{}
		}
		members[root][name] = val
	}
	for root, values := range wanted.values(e, s, &ok) {
		members[root] = values
	}
	for root, values := range members {
		vars[root] = cty.ObjectVal(values)
	}
	return &hcl.EvalContext{Variables: vars, Functions: e.functionsIn(s.in.module.Dir)}, ok
}

// functionsIn returns what expressions of a module in dir may call.
func (e *evaluator) functionsIn(dir string) map[string]function.Function {
	if e.functions[dir] == nil {
		table := functions.Table(e.files(dir))
		for name, f := range maps.Clone(table) {
			table["core::"+name] = f // as Terraform calls those that no provider brings
		}
		e.functions[dir] = table
	}
	return e.functions[dir]
}

// member returns the value of what t refers to below one of the words that are no resources: var.x, local.y.
func (e *evaluator) member(root string, t hcl.Traversal, s *scope) (name string, val cty.Value, ok bool) {
	at := source.RangeOf(t.SourceRange())
	roots := map[string]func(string, resource.Range) (cty.Value, bool){
		"var": s.in.variable, "local": s.in.local, "module": s.in.output, "path": s.in.path, "kuke": s.in.about,
	}
	find := roots[root]
	if find == nil {
		e.unknownVariable(t)
		return "", cty.NilVal, false
	}
	if len(t) > 1 {
		if member, isAttr := t[1].(hcl.TraverseAttr); isAttr {
			val, ok = find(member.Name, at)
			return member.Name, val, ok && (root != "module" || s.in.givesOut(member.Name, t))
		}
	}
	example := map[string]string{"path": "path.module", "kuke": "kuke.parent"}[root]
	if example == "" {
		example = root + ".name"
	}
	e.diags.Errorf(at, "", "Invalid reference", "%s stands for nothing by itself: name what is meant after a dot, as in %s.", root, example)
	return "", cty.NilVal, false
}

// unknownVariable explains that t refers to nothing: mostly, quotes were forgotten.
func (e *evaluator) unknownVariable(t hcl.Traversal) {
	at := source.RangeOf(t.SourceRange())
	name := t.RootName()
	where := map[string]string{
		"each": "in a block with for_each, and in the blocks in it", "count": "in a block with count, and in the blocks in it",
		"self": "in a postcondition",
	}
	switch {
	case where[name] != "":
		e.diags.Errorf(at, "", "Invalid reference", "%s has a value only %s.", name, where[name])
	case slices.Contains([]string{"data", "resource", "terraform"}, name):
		e.diags.Errorf(at, "", "Unknown variable", "There is no %s in kuke. Resources are referred to by their kind, as in cell.web.address, variables as in var.name.", name)
	case len(t) == 1:
		e.diags.Errorf(at, "", "Unknown variable", "Without quotes, %s is read as the name of a variable, and there is none of that name. To mean the text, write %q.%s", message.Shorten(name), message.Shorten(name), message.Suggest(name, rootWords()))
	default:
		e.diags.Errorf(at, "", "Unknown variable", "There is no variable called %q. To mean text, put it in quotes.%s", message.Shorten(name), message.Suggest(name, rootWords()))
	}
}

// rootWords are those that a reference can begin with.
func rootWords() []string {
	return append(schema.KindWords(), "var", "local", "module", "path", "kuke")
}

// settled returns a value of expr that is known and not sensitive, as those that decide what there is must be. what is
// what it is for.
func (e *evaluator) settled(expr hcl.Expression, s *scope, what string) (cty.Value, bool) {
	val, ok := e.evaluate(expr, s)
	if !ok {
		return val, false
	}
	at := source.RangeOf(expr.Range())
	switch {
	case functions.IsSensitive(val):
		e.diags.Errorf(at, "", "Sensitive value", "%s would show a sensitive value, in names that everybody can see. Use one that isn't sensitive, or nonsensitive(…) if this part of it is no secret.", message.Sentence(what))
		return val, false
	case !val.IsWhollyKnown():
		e.diags.Errorf(at, "", "Unknown value", "%s depends on something that only planning works out, such as an address. Use a value that is known before.", message.Sentence(what))
		return val, false
	}
	val, _ = val.UnmarkDeep()
	return val, true
}

// settledText returns the text that expr must have, known and not sensitive.
func (e *evaluator) settledText(expr hcl.Expression, s *scope, what string) (string, bool) {
	val, ok := e.settled(expr, s, what)
	if !ok {
		return "", false
	}
	text, err := convert.Convert(val, cty.String)
	if err != nil || text.IsNull() {
		e.diags.Errorf(source.RangeOf(expr.Range()), "", "Wrong type", "%s must be a text, but this is %s.", message.Sentence(what), described(val))
		return "", false
	}
	return text.AsString(), true
}

// described says in a few words what val is.
func described(val cty.Value) string {
	if val.IsNull() {
		return "null"
	}
	return "of the type " + val.Type().FriendlyName()
}

// holds evaluates a rule. What it says where the condition doesn't hold is reported with the summary, as an error or a
// warning.
func (e *evaluator) holds(r *module.Condition, s *scope, severity resource.Severity, summary string, about resource.Path) {
	val, ok := e.evaluate(r.Expr, s)
	if !ok {
		return
	}
	val, _ = val.UnmarkDeep()
	at := source.RangeOf(r.Expr.Range())
	val, err := convert.Convert(val, cty.Bool)
	switch {
	case err != nil || val.IsNull():
		e.diags.Errorf(at, about, "Wrong type", "A condition must be true or false.")
		return
	case !val.IsKnown():
		e.pending = true
		return
	case val.True():
		return
	}
	message, ok := e.evaluate(r.ErrorMessage, s)
	if !ok {
		return
	}
	said := "The error message holds a sensitive value, and can't be shown."
	if !functions.IsSensitive(message) {
		text, err := convert.Convert(message, cty.String)
		if err != nil || text.IsNull() || !text.IsKnown() {
			e.diags.Errorf(source.RangeOf(r.ErrorMessage.Range()), about, "Wrong type", "An error message must be a text.")
			return
		}
		said = text.AsString()
	}
	*e.diags = append(*e.diags, resource.Diagnostic{
		Severity: severity, Summary: summary, Subject: at, Path: about,
		Detail: fmt.Sprintf("%s\n\nThis was said by the rule at %s.", strings.TrimSpace(said), r.At),
	})
}

// files says which files the module in dir may read.
func (e *evaluator) files(dir string) functions.Files {
	return functions.Files{Dir: dir, Root: e.rootDir, Outside: e.input.OutsideFiles}
}

// mark adds to val that it is sensitive.
func mark(val cty.Value, sensitive bool) cty.Value {
	if !sensitive {
		return val
	}
	return val.Mark(functions.Sensitive)
}
