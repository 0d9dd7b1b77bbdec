package eval

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

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// Evaluator evaluates modules. A value is evaluated when it is first asked for, and once; a value that asks for itself on
// the way is a cycle.
type Evaluator struct {
	sources *source.Files
	options Options
	diags   *resource.Diagnostics
	// rootDir is the directory of the whole configuration, modules holds the modules that were read, by their directories.
	rootDir   string
	root      *ModuleInstance
	modules   map[string]*module.Module
	functions map[string]map[string]function.Function
	// running names the values being evaluated, the outermost first.
	running []string
	// used holds, for each of those, the resources that it asked for.
	used []references
	// declared holds the declarations so far, in the order of the source, and all the instances of blocks.
	declared []*schema.Declaration
	all      []*Instance
	// objects holds the declared resources as references see them, once one asked for that.
	objects map[*schema.Declaration]cty.Value
	// checked holds the results of conditions by the blocks that have them, and by the addresses of instances.
	checked map[checkKey]map[string]*outline.CheckResult
	// Pending says that a value was asked for which is unknown until it is planned.
	Pending bool
	// prepared holds the expressions that were evaluated.
	prepared map[hcl.Expression]*prepared
	// paths holds the results of byPath.
	paths map[hclsyntax.Expression]hclsyntax.Expression
	// partial says that a resource is left out whose path is unknown, or a part of one.
	partial bool
	// count is the number of instances of blocks so far, spent the number of values worked through.
	count, spent int
	// withheld holds the texts within named sensitive values.
	withheld map[string]bool
}

// Options are the parts of an input that evaluation asks for.
type Options struct {
	// Ask asks the user for the value of a variable that must have one; nil says that there is nobody to ask.
	Ask func(name, description string, sensitive bool) (string, error)
	// Unassigned makes the variables unknown that have neither a value nor a default, and takes the root module for one that
	// is called where it misses its caller.
	Unassigned bool
	// Computed holds the attributes that planning computed, by the path of a resource and the name of the attribute. Nil says
	// that nothing has been planned yet: references to them are then unknown.
	Computed map[resource.Path]map[string]string
	// OutsideFiles lets functions read files outside of the directory of the configuration.
	OutsideFiles bool
	// Places resolves relative paths of the host.
	Places schema.Places
	// Home is the directory that a leading ~ names; empty for that of the user.
	Home string
	// KeepFiles leaves files and variables that resources name unread, and their names where they are.
	KeepFiles bool
	// Variable returns an environment variable.
	Variable func(name string) (value string, set bool)
	// Opened is told of the absolute path of each file that a function looks at. It may be nil.
	Opened func(path string)
}

// New returns an evaluator without modules, which adds the files that it reads to files.
func New(o Options, files *source.Files, diags *resource.Diagnostics) *Evaluator {
	return &Evaluator{
		sources: files, options: o, diags: diags, modules: map[string]*module.Module{}, objects: map[*schema.Declaration]cty.Value{}, checked: map[checkKey]map[string]*outline.CheckResult{},
		functions: map[string]map[string]function.Function{}, prepared: map[hcl.Expression]*prepared{}, paths: map[hclsyntax.Expression]hclsyntax.Expression{},
	}
}

// evaluate returns the value of expr, which may be unknown or marked, or reports why it has none.
func (e *Evaluator) evaluate(expr hcl.Expression, s *Scope) (cty.Value, bool) {
	at := source.RangeOf(expr.Range())
	if !e.spend(1, at) {
		return cty.DynamicVal, false
	}
	x := e.prepare(expr)
	before := len(*e.diags)
	ctx, ok := e.context(x.variables, e.usesOf(x, s), s)
	if !ok && e.options.Unassigned && len(*e.diags) == before {
		return cty.DynamicVal, true // it depends on something that is left out
	}
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

// prepared is an expression that counts the values it works through, with its references.
type prepared struct {
	hcl.Expression
	variables []hcl.Traversal
	keyed     []keyed
}

// prepare returns the expression to evaluate in place of expr, which must not be evaluated by itself any more.
func (e *Evaluator) prepare(expr hcl.Expression) *prepared {
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

// maxWork bounds the number of values that all expressions of a configuration work through and make, together: each is
// bounded by itself, but there may be many.
const maxWork = 16 << 20

// spend notes that n values were worked through, and returns false once that is too much, which it reports once.
func (e *Evaluator) spend(n int, at resource.Range) bool {
	if e.spent > maxWork {
		return false
	}
	if e.spent += n; e.spent > maxWork {
		e.diags.Errorf(at, "", "Too much to work out", "All expressions together work through more than %d values, the most that is allowed. Make lists smaller, or repeat less.", maxWork)
		return false
	}
	return true
}

// report adds the diagnostics of the HCL library.
func (e *Evaluator) report(problems hcl.Diagnostics) {
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

// Settled returns the value of expr, which must be known and not sensitive, since it decides which resources exist. role
// names the value in messages.
func (e *Evaluator) Settled(expr hcl.Expression, s *Scope, role string) (cty.Value, bool) {
	val, ok := e.evaluate(expr, s)
	if !ok {
		return val, false
	}
	at := source.RangeOf(expr.Range())
	switch {
	case functions.IsSensitive(val):
		e.diags.Errorf(at, "", "Sensitive value", "%s would show a sensitive value, in names that everybody can see. Use one that isn't sensitive, or nonsensitive(…) if this part of it is no secret.", message.Sentence(role))
		return val, false
	case !val.IsWhollyKnown() && e.options.Unassigned:
		e.partial = true
		return val, false
	case !val.IsWhollyKnown():
		e.diags.Errorf(at, "", "Unknown value", "%s depends on something that only planning works out, such as an address. Use a value that is known before.", message.Sentence(role))
		return val, false
	}
	val, _ = val.UnmarkDeep()
	return val, true
}

// SettledText returns the text that expr must have, known and not sensitive.
func (e *Evaluator) SettledText(expr hcl.Expression, s *Scope, role string) (string, bool) {
	val, ok := e.Settled(expr, s, role)
	if !ok {
		return "", false
	}
	text, err := convert.Convert(val, cty.String)
	if err != nil || text.IsNull() {
		e.diags.Errorf(source.RangeOf(expr.Range()), "", "Wrong type", "%s must be a text, but this is %s.", message.Sentence(role), described(val))
		return "", false
	}
	return text.AsString(), true
}

// described returns a few words about val, for messages.
func described(val cty.Value) string {
	if val.IsNull() {
		return "null"
	}
	return "of the type " + val.Type().FriendlyName()
}

// files says which files the module in dir may read.
func (e *Evaluator) files(dir string) sandbox.Files {
	return sandbox.Files{Dir: dir, Root: e.rootDir, Outside: e.options.OutsideFiles, Home: e.options.Home, Opened: e.options.Opened}
}

// mark adds to val that it is sensitive.
func mark(val cty.Value, sensitive bool) cty.Value {
	if !sensitive {
		return val
	}
	return val.Mark(functions.Sensitive)
}

// Partial reports whether resources, or parts of them, are left out because they depend on unknown variables.
func (e *Evaluator) Partial() bool {
	return e.partial || e.options.Unassigned && slices.ContainsFunc(e.declared, func(d *schema.Declaration) bool { return d.Unclear })
}
