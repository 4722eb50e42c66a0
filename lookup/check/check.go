package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// Severity is how bad a finding is. The zero value means the severity of its check.
type Severity string

// The severities, the gravest first.
const (
	Error   Severity = "error"   // packets are lost
	Warning Severity = "warning" // it surprises, or may lose packets later
	Notice  Severity = "note"    // to be known; no reason for alarm
	Unknown Severity = "unknown" // the check could not be made
)

// Scope is what a check is about.
type Scope string

// The scopes.
const (
	ScopeDefault Scope = "default" // default routes
	ScopeRules   Scope = "rules"   // policy rules and the tables that they lead to
	ScopeEntries Scope = "entries" // other routes
	ScopeReplies Scope = "replies" // both ways, and what is forwarded
	ScopeDevices Scope = "devices" // devices, addresses, and next-hop objects
)

// Check is an entry of the catalogue.
type Check struct {
	// ID is the name of the check, which never changes: "RW012".
	ID    string
	Title string
	// Severity is the severity of its findings, unless a finding has another one.
	Severity Severity
	Scope    Scope
	// Doc says what the check looks for, what follows from it, and what it ignores.
	Doc string
	// Needs are the facts that the check needs. Without them its result is unknown.
	Needs []route.Fact

	run func(*Host) []Finding
}

// Finding is something that a check found.
type Finding struct {
	// ID is the ID of the check.
	ID string
	// Severity is the check's severity, unless this finding is less or more severe.
	Severity Severity
	// Note says what was found: a code, its operands, and the route, rule or table that it
	// is about.
	lookup.Note
	// Rules, Routes and Links are the evidence, including those in Note. Links are
	// indexes.
	Rules  []*route.Rule
	Routes []route.Route
	Links  []int
	// Count is how many routes or rules have the same problem, if there are more than
	// the evidence shows; zero: there are no more.
	Count int
	// Sizes are in bytes: a tunnel's MTU, how much it puts before each packet, and the MTU
	// of the device below; nil: the finding is about something else.
	Sizes []uint32
	// Setters are what sets the mark that it is about.
	Setters []lookup.Setter
	// Fix are changes that repair it and harm nothing else, as far as is known; nil:
	// there are no changes that are so safe. Each of them was tried.
	Fix []change.Change
}

// CodeMissing: a check could not be made; Have: the facts that it needs
const CodeMissing lookup.Code = "facts-missing"

// Find returns the check with an ID; false: there is none.
func Find(id string) (Check, bool) {
	all := All()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		return Check{}, false
	}
	return all[i], true
}

// Run makes the given checks, in the order of their IDs. If none is given, it makes all. A
// finding with the Severity [Unknown] belongs to a check that could not be made.
func (h *Host) Run(checks []Check) []Finding {
	var out []Finding
	for i := range checks {
		c := &checks[i]
		if missing := h.lacks(c); missing != "" {
			out = append(out, Finding{ID: c.ID, Severity: Unknown, Note: lookup.Note{Reason: lookup.Reason{Code: CodeMissing, Have: missing}}})
			continue
		}
		for _, f := range c.run(h) {
			f.ID = c.ID
			if f.Severity == "" {
				f.Severity = c.Severity
			}
			f.gather()
			out = append(out, f)
		}
	}
	return withoutRepeats(out)
}

// maxEvidence is how many rules, how many routes and how many devices a finding
// names.
const maxEvidence = 16

// gather adds the objects that the note is about to the evidence.
func (f *Finding) gather() {
	if r := f.Note.Route; r != nil && !slices.ContainsFunc(f.Routes, func(o route.Route) bool { return same(&o, r) }) {
		f.Routes = append([]route.Route{*r}, f.Routes...)
	}
	if r := f.Note.Rule; r != nil && !slices.Contains(f.Rules, r) {
		f.Rules = append([]*route.Rule{r}, f.Rules...)
	}
	for i := range f.Routes {
		for j := range f.Routes[i].NextHops {
			if link := f.Routes[i].NextHops[j].Link; link != 0 && !slices.Contains(f.Links, link) && len(f.Links) < maxEvidence {
				f.Links = append(f.Links, link)
			}
		}
	}
	f.Rules, f.Routes = f.Rules[:min(len(f.Rules), maxEvidence)], f.Routes[:min(len(f.Routes), maxEvidence)]
}

// same reports whether two routes are the same entry.
func same(a, b *route.Route) bool {
	return a.Table == b.Table && a.Dst == b.Dst && a.Metric == b.Metric && a.TOS == b.TOS && a.Type == b.Type && slices.Equal(a.NextHops, b.NextHops)
}

// factTables are the routes of all tables, not only of some.
const factTables route.Fact = "routes of all tables"
