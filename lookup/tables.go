package lookup

import (
	"slices"

	"routewhy/route"
)

// TableIDs are the tables of a family that have routes, in ascending order.
func (f *FIB) TableIDs(fam route.Family) []route.Table {
	var out []route.Table
	for id := range f.family(fam).tables {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// TableOrder is the tables of a family that have routes or are named by a
// rule, in the order of the rules; those that no rule names last.
func (f *FIB) TableOrder(fam route.Family) []route.Table {
	var out []route.Table
	seen := map[route.Table]bool{0: true}
	add := func(t route.Table) {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	for _, r := range f.family(fam).rules {
		if r.Action == route.ActionTable {
			add(r.Table)
		}
	}
	for _, id := range f.TableIDs(fam) {
		add(id)
	}
	return out
}

// TableSize is how many routes a table of a family has, those among them that were not held.
func (f *FIB) TableSize(fam route.Family, id route.Table) int { return f.family(fam).tables[id].size() }

// MayLead is the first rule that may lead to a table: the rule's table is known only by its
// name, or the given one is, and no routes of the rule's table were read; nil: there is none.
func (f *FIB) MayLead(fam route.Family, t route.Table) *route.Rule {
	for _, r := range f.family(fam).rules {
		if r.Action == route.ActionTable && f.snap.MayBeOne(r.Table, t) && f.snap.LacksTable(r.Table, fam) {
			return r.Rule
		}
	}
	return nil
}

// Unled says why it is not known whether a rule leads to a table that no known rule leads to;
// the zero Reason: it is known that none does.
func (f *FIB) Unled(fam route.Family, t route.Table) Reason {
	if r := f.MayLead(fam, t); r != nil {
		return Reason{Code: CodeMaySame, Want: f.snap.Names.Table(r.Table)}
	}
	switch {
	case f.snap.Lacks(route.FactRules, fam):
		return f.lacks(Reason{Code: CodeRulesUnread}, route.FactRules, fam)
	case f.snap.Assumes(route.FactRules, fam):
		return Reason{Code: CodeRulesUnlisted, Want: f.snap.Names.Table(t)}
	}
	return Reason{}
}

// RulesTo are the rules that lead to a table, to be read only.
func (f *FIB) RulesTo(fam route.Family, t route.Table) []*route.Rule {
	if !f.family(fam).vrfs || f.vrfOf[t] == nil {
		return f.family(fam).to[t]
	}
	var out []*route.Rule
	for _, r := range f.family(fam).rules {
		if r.Action == route.ActionTable && (r.Table == t || r.Selector.L3Mdev) {
			out = append(out, r.Rule)
		}
	}
	return out
}
