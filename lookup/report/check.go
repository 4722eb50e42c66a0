package report

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/lookup/change/command"
	"routewhy/lookup/check"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Check is what the checks found on a host.
type Check struct {
	// Checks is how many were made, or would have been: those that were asked for.
	Checks   int            `json:"checks"`
	Findings []CheckFinding `json:"findings"`
	// Changing says that the tables were changing while they were read.
	Changing bool `json:"changing,omitempty"`
}

// CheckFinding is something that a check found, or, with the severity "unknown", that the
// check could not be made.
type CheckFinding struct {
	ID       string         `json:"id"`
	Severity check.Severity `json:"severity"`
	Title    string         `json:"title"`
	// Text is the same as a sentence; printers of text set it.
	Text     string        `json:"text,omitempty"`
	Reason   Reason        `json:"reason"`
	Evidence CheckEvidence `json:"evidence"`
	// Table is the one that it is about.
	Table string `json:"table,omitempty"`
	// Count is how many routes or rules the same is true of; absent: those of the evidence.
	Count int `json:"count,omitempty"`
	// Gateway is how the gateway is reached that it is about, and Kind the kind of the device.
	Gateway *Reach `json:"gateway,omitempty"`
	Kind    string `json:"kind,omitempty"`
	// MarkSetters are what sets the mark that it is about.
	MarkSetters []MarkSetter `json:"mark_setters,omitempty"`
	// MTU are the sizes of a tunnel.
	MTU *TunnelMTU `json:"mtu,omitempty"`
	// Fix are commands that mend it; absent: none is known that is safe.
	Fix []string `json:"fix,omitempty"`
}

// CheckEvidence are the rules, routes and devices that show a finding.
type CheckEvidence struct {
	Rules   []iproute2.Rule  `json:"rules,omitempty"`
	Routes  []iproute2.Route `json:"routes,omitempty"`
	Devices []string         `json:"devices,omitempty"`
}

// TunnelMTU are the sizes of a tunnel, in bytes: its MTU, what it puts before each packet, and
// the MTU of the device below.
type TunnelMTU struct {
	Tunnel   uint32 `json:"tunnel"`
	Overhead uint32 `json:"overhead"`
	Below    uint32 `json:"below"`
}

// AskCheck makes checks on a host, about both families or one that is not zero. Errors are those of the source.
func AskCheck(ctx context.Context, src route.Source, only route.Family, resolvers []netip.Addr, checks []check.Check) (*Check, error) {
	h, err := check.Read(ctx, src, only, resolvers, checks)
	if err != nil {
		return nil, err
	}
	return newCheck(h, checks), nil
}

func newCheck(h *check.Host, checks []check.Check) *Check {
	out := &Check{Checks: len(checks), Findings: []CheckFinding{}, Changing: h.FIB().Snapshot().Changed}
	n := namesOf(h.FIB())
	found := h.Run(checks)
	for i := range found {
		f := n.checkFinding(&found[i])
		f.Fix = fixOf(h, &found[i])
		out.Findings = append(out.Findings, f)
	}
	rank := []check.Severity{check.Error, check.Warning, check.Notice, check.Unknown}
	slices.SortStableFunc(out.Findings, func(a, b CheckFinding) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
	return out
}

func (n names) checkFinding(f *check.Finding) CheckFinding {
	c, _ := check.Find(f.ID)
	about := n.finding(&route.Flow{}, &f.Note)
	out := CheckFinding{
		ID: f.ID, Severity: f.Severity, Title: c.Title, Reason: about.Reason, Table: about.Table, Count: f.Count, Gateway: about.Gateway, Kind: about.Kind,
	}
	for _, r := range f.Rules {
		out.Evidence.Rules = append(out.Evidence.Rules, *n.rule(r))
	}
	for i := range f.Routes {
		out.Evidence.Routes = append(out.Evidence.Routes, *n.route(&f.Routes[i]))
	}
	for _, link := range f.Links {
		out.Evidence.Devices = append(out.Evidence.Devices, n.dev(link))
	}
	for i := range f.Setters {
		out.MarkSetters = append(out.MarkSetters, n.markSetter(&f.Setters[i]))
	}
	if len(f.Sizes) == 3 {
		out.MTU = &TunnelMTU{f.Sizes[0], f.Sizes[1], f.Sizes[2]}
	}
	if f.Severity == check.Unknown {
		out.Table = ""
	}
	return out
}

// fixOf are the commands that mend a finding.
func fixOf(h *check.Host, f *check.Finding) []string {
	var out []string
	s := h.State()
	for _, c := range f.Fix {
		out = append(out, command.Print(c, s))
	}
	return out
}

// Status is 1 where something is wrong: notes, and checks that could not be made, are
// not.
func (c *Check) Status() Status {
	if slices.ContainsFunc(c.Findings, func(f CheckFinding) bool { return f.Severity == check.Error || f.Severity == check.Warning }) {
		return StatusNoRoute
	}
	return StatusAnswered
}

// Finding is what it says in the form of other findings, with the first route and rule of
// the evidence.
func (f *CheckFinding) Finding() *Finding {
	out := &Finding{Reason: f.Reason, Table: f.Table, Gateway: f.Gateway, Kind: f.Kind, Devs: f.Evidence.Devices}
	if len(f.Evidence.Routes) > 0 {
		out.Route = &f.Evidence.Routes[0]
	}
	if len(f.Evidence.Rules) > 0 {
		out.Rule = &f.Evidence.Rules[0]
	}
	return out
}

// CheckEntry is an entry of the catalogue of checks.
type CheckEntry struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Severity    check.Severity `json:"severity,omitempty"`
	Scope       check.Scope    `json:"scope,omitempty"`
	Explanation string         `json:"explanation"`
}

// CheckEntries are the entries of some checks.
func CheckEntries(all []check.Check) []CheckEntry {
	out := []CheckEntry{}
	for i := range all {
		c := &all[i]
		out = append(out, CheckEntry{c.ID, c.Title, c.Severity, c.Scope, c.Doc})
	}
	return out
}
