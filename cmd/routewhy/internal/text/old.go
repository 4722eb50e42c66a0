package text

import (
	"routewhy/route"
	"routewhy/route/iproute2"
)

// What the modes need that do not print from reports yet.

func tableName(s *route.Snapshot, t route.Table) string { return tableWords(s.Names.Table(t)) }

func oldRuleName(s *route.Snapshot, r *route.Rule) string {
	n := iproute2.RuleJSON(s, r)
	return ruleName(&n)
}
