package eval

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

var checkSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "assert"}}}

// checks says, as warnings, which checks of the module don't hold.
func (m *ModuleInstance) checks() {
	declared := map[string]hcl.Range{}
	for _, b := range m.Module.Checks {
		if first, ok := declared[b.Labels[0]]; ok {
			module.ReportDuplicate(m.Eval.diags, source.RangeOf(b.DefRange()), "check", b.Labels[0], first)
			continue
		}
		declared[b.Labels[0]] = b.DefRange()
		content, problems := b.Body.Content(checkSchema)
		m.Eval.report(problems)
		if problems.HasErrors() {
			continue
		}
		if len(content.Blocks) == 0 {
			m.Eval.diags.Errorf(source.RangeOf(b.DefRange()), "", "Missing assert", "The check %s checks nothing: give it a block assert.", b.Labels[0])
		}
		for _, nested := range content.Blocks {
			if r := module.NewCondition(nested, m.Eval.diags); r != nil {
				holds, problem := m.Eval.holds(r, m.Scope(), resource.Warning, "Check does not hold: "+m.name("check."+b.Labels[0]), "")
				m.check(outline.KindCheck, b.Labels[0], holds, problem)
			}
		}
	}
}
