package policy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kukeon/kuke/planner/plan"
)

// Check evaluates the policies over a plan in Terraform's JSON format, and returns the verdict. A rule that can't be evaluated is
// an error: it has not let the plan pass. A condition with a function that can't take its arguments does not hold, as in conftest,
// and is a warning: policies for Terraform call object.get of change.after, which a deletion has not.
func (s *Set) Check(ctx context.Context, document []byte) (*plan.Verdict, error) {
	input, err := ast.ValueFromReader(strings.NewReader(string(document)))
	if err != nil {
		return nil, fmt.Errorf("check the plan: %w", err)
	}
	e := evaluation{set: s, store: inmem.NewFromObject(s.data), input: input, excepted: map[string]map[string]bool{}}
	v := &plan.Verdict{Digest: s.digest, Denied: []plan.Finding{}, Warned: []plan.Finding{}}
	strange, err := s.strange(input)
	if err != nil {
		return nil, err
	}
	v.Warned = append(v.Warned, strange...)
	for _, r := range s.rules {
		findings, failures, err := e.findings(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("check the plan: the rule %s of package %s: %w", r.name, r.pkg, err)
		}
		if r.deny {
			v.Denied = append(v.Denied, findings...)
		} else {
			v.Warned = append(v.Warned, findings...)
		}
		v.Warned = append(v.Warned, failures...)
	}
	return v, nil
}

// evaluation evaluates rules over one input.
type evaluation struct {
	set   *Set
	store storage.Store
	input ast.Value
	// excepted are the rules that the exceptions of a package name, without the prefix of their kind.
	excepted map[string]map[string]bool
}

// value returns the value of a rule, and the messages of the lines in it on which functions failed, in order.
func (e *evaluation) value(ctx context.Context, pkg, name string) (any, []string, error) {
	ref := "data." + pkg + "." + name
	var failed []topdown.Error
	results, err := rego.New(rego.Query(ref), rego.Compiler(e.set.compiler), rego.Store(e.store), rego.ParsedInput(e.input),
		rego.BuiltinErrorList(&failed)).Eval(ctx)
	if err != nil {
		return nil, nil, err
	}
	failures := e.set.failures(failed)
	if len(results) == 0 {
		return nil, failures, nil
	}
	return results[0].Expressions[0].Value, failures, nil
}

// failures returns a message for each line with functions that failed: one line can fail for every resource of a plan.
func (s *Set) failures(failed []topdown.Error) []string {
	lines := map[string]map[string]bool{}
	for _, f := range failed {
		at := ""
		if f.Location != nil {
			at = fmt.Sprintf("%s:%d: ", s.names[f.Location.File], f.Location.Row)
		}
		if lines[at] == nil {
			lines[at] = map[string]bool{}
		}
		lines[at][f.Message] = true
	}
	var all []string
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		text := "a condition does not hold because of an error: " + at + slices.Sorted(maps.Keys(lines[at]))[0]
		if others := len(lines[at]) - 1; others > 0 {
			text += fmt.Sprintf(" (and %d more)", others)
		}
		all = append(all, text)
	}
	return all
}

// findings returns the findings of a rule, and the failures in it, none if an exception names it.
func (e *evaluation) findings(ctx context.Context, r rule) (found, failures []plan.Finding, err error) {
	value, failed, err := e.value(ctx, r.pkg, r.name)
	if err != nil {
		return nil, nil, err
	}
	for _, message := range messages(value) {
		found = append(found, plan.Finding{Rule: r.pkg + "." + r.name, Message: message})
	}
	for _, message := range failed {
		failures = append(failures, plan.Finding{Rule: r.pkg + "." + r.name, Message: message})
	}
	if len(found) == 0 && len(failures) == 0 {
		return nil, nil, nil
	}
	excepted, err := e.exceptions(ctx, r.pkg)
	_, suffix, _ := strings.Cut(r.name, "_")
	if err != nil || excepted[suffix] {
		return nil, nil, err
	}
	slices.SortFunc(found, func(a, b plan.Finding) int { return cmp.Compare(a.Message, b.Message) })
	return found, failures, nil
}

// exceptions returns the rules that the rule exception of a package names: its values are lists of suffixes.
func (e *evaluation) exceptions(ctx context.Context, pkg string) (map[string]bool, error) {
	if known := e.excepted[pkg]; known != nil {
		return known, nil
	}
	value, _, err := e.value(ctx, pkg, "exception")
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	lists, _ := value.([]any)
	for _, list := range lists {
		elements, _ := list.([]any)
		for _, name := range elements {
			if text, ok := name.(string); ok {
				names[text] = true
			}
		}
	}
	e.excepted[pkg] = names
	return names, nil
}

// messages returns the messages of the value of a rule: a set or list of texts or of objects with a text "msg", one of those
// alone, or true.
func messages(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case bool:
		if v {
			return []string{"the rule holds, and gives no message"}
		}
		return nil
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, element := range v {
			all = append(all, messages(element)...)
		}
		return all
	case map[string]any:
		if text, ok := v["msg"].(string); ok {
			return []string{text}
		}
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, ok := v[key].(string)
			if !ok {
				return []string{spelled(v)}
			}
			all = append(all, text)
		}
		return all
	}
	return []string{spelled(value)}
}

func spelled(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
