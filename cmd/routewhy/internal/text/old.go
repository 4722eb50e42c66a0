package text

import (
	"routewhy/route"
	"routewhy/route/iproute2"
)

// What the modes need that do not print from reports yet.

// Remark is something that the user should know.
type Remark struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

type words struct{ snap *route.Snapshot }

func (w words) dev(index int) string { return iproute2.Safe(w.snap.LinkName(index)) }

// knowsAddrs says whether an address that is not there is not the host's.
func (w words) knowsAddrs(fam route.Family) bool {
	return !w.snap.Lacks(route.FactAddrs, fam) && !w.snap.Assumes(route.FactAddrs, fam)
}

func tableName(s *route.Snapshot, t route.Table) string { return tableWords(s.Names.Table(t)) }

func oldRuleName(s *route.Snapshot, r *route.Rule) string {
	n := iproute2.RuleJSON(s, r)
	return ruleName(&n)
}
