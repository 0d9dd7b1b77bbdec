package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kukeon/kuke/planner/plan"
)

// reads are the fields of the input that the rules of a file read.
type reads struct {
	pkg    string
	fields map[string]bool
	// whole is whether a rule reads the input as a whole, or a field whose name it computes.
	whole bool
}

// readsOf returns the reads of each file with rules that read the input, by the name of the file. The modules are compiled ones,
// in which an alias such as that of "import input.tfplan as tfplan" is resolved.
func (s *Set) readsOf(modules map[string]*ast.Module) map[string]reads {
	all := map[string]reads{}
	for file, m := range modules {
		r := reads{pkg: strings.TrimPrefix(m.Package.Path.String(), "data."), fields: map[string]bool{}}
		for _, rule := range m.Rules {
			ast.WalkRefs(rule, func(ref ast.Ref) bool {
				if ref[0].Equal(ast.InputRootDocument) {
					r.add(ref)
				}
				return false
			})
		}
		if r.whole || len(r.fields) > 0 {
			all[s.names[file]] = r
		}
	}
	return all
}

func (r *reads) add(ref ast.Ref) {
	if len(ref) > 1 {
		if field, ok := ref[1].Value.(ast.String); ok {
			r.fields[string(field)] = true
			return
		}
	}
	r.whole = true
}

// strange returns warnings about the files of policies that read fields of the input which a plan does not have, and no other
// ones: the rules of some services find the plan in input.tfplan or input.plan. If all files are of that kind, it is an error.
func (s *Set) strange(input ast.Value) ([]plan.Finding, error) {
	document, ok := input.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("check the plan: its document is no object")
	}
	var found []plan.Finding
	var names []string
	for _, file := range slices.Sorted(maps.Keys(s.reads)) {
		r := s.reads[file]
		known := func(field string) bool { return document.Get(ast.StringTerm(field)) != nil }
		fields := slices.Sorted(maps.Keys(r.fields))
		if r.whole || slices.ContainsFunc(fields, known) {
			continue
		}
		for i := range fields {
			fields[i] = "input." + fields[i]
		}
		names = append(names, fields...)
		message := fmt.Sprintf("%s reads only %s, which a plan does not have: its rules can't judge the plan", file, strings.Join(fields, ", "))
		found = append(found, plan.Finding{Rule: r.pkg, Message: message})
	}
	if len(found) > 0 && len(found) == len(s.reads) {
		slices.Sort(names)
		return nil, fmt.Errorf("the policies read only %s, which a plan does not have: every plan would pass. Let them read input.resource_changes or another field of kuke help json",
			strings.Join(slices.Compact(names), ", "))
	}
	return found, nil
}
