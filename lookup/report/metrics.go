package report

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/check"
	"routewhy/route"
)

// Metrics are what of a host is worth watching over time, in numbers: none for each route.
type Metrics struct {
	*Check
	// Made are the IDs of the checks, with the severity that their findings usually have.
	Made []MadeCheck
	// Families are those that were looked at.
	Families []FamilyMetrics
	// Time is when the host was read; the zero Time: it is not known.
	Time time.Time
}

// MadeCheck is a check that was made, or could not be.
type MadeCheck struct {
	ID       string
	Severity check.Severity
}

// FamilyMetrics are those of one family.
type FamilyMetrics struct {
	Family route.Family
	// Known says that it could be decided how packets to other networks go, and Ways are
	// how: none where they do not get out. They are those of all sockets: of those that
	// look up again with the source that the first look-up chose, and of those that do not
	// (see [lookup.FIB.Connect]).
	Known bool
	Ways  []DefaultWay
	// Asked says that the kernel was asked the same, and Agrees what it said.
	Asked, Agrees bool
	// Rules is how many there are, if RulesKnown is set. Tables are those that were listed.
	Rules      int
	RulesKnown bool
	Tables     []TableSize
}

// DefaultWay is a next hop by which packets to other networks leave, and the table that says
// so: the first, where several do.
type DefaultWay struct {
	NextHop
	Table string
}

// TableSize is how many routes a table has.
type TableSize struct {
	Table  string
	Routes int
}

// AskMetrics makes checks on a host as [AskCheck] does, and counts. Of packets to other
// networks the kernel is asked too, unless noKernel is set.
func AskMetrics(ctx context.Context, src route.Source, only route.Family, resolvers []netip.Addr, checks []check.Check, noKernel bool) (*Metrics, error) {
	h, err := check.Read(ctx, src, only, resolvers, checks)
	if err != nil {
		return nil, err
	}
	f := h.FIB()
	out := &Metrics{Check: newCheck(h, checks), Time: f.Snapshot().Time}
	for i := range checks {
		out.Made = append(out.Made, MadeCheck{checks[i].ID, checks[i].Severity})
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if only != 0 && fam != only || f.Snapshot().Lacks(route.FactRoutes, fam) {
			continue
		}
		one, err := familyMetrics(ctx, src, f, fam, noKernel)
		if err != nil {
			return nil, err
		}
		out.Families = append(out.Families, one)
	}
	return out, nil
}

func familyMetrics(ctx context.Context, src route.Source, f *lookup.FIB, fam route.Family, noKernel bool) (FamilyMetrics, error) {
	n := namesOf(f)
	out := FamilyMetrics{Family: fam, RulesKnown: !n.snap.Lacks(route.FactRules, fam) && !n.snap.Assumes(route.FactRules, fam)}
	for i := range n.snap.Rules {
		if n.snap.Rules[i].Family == fam {
			out.Rules++
		}
	}
	for _, id := range f.TableIDs(fam) {
		if id == route.TableLocal && n.snap.Assumes(route.FactLocal, fam) {
			continue // nobody listed it
		}
		if size := f.TableSize(fam, id); size > 0 {
			out.Tables = append(out.Tables, TableSize{n.table(id), size})
		}
	}
	flow := route.Flow{Dst: f.ExternalAddr(fam)}
	if fam == route.IPv4 {
		flow.Proto = route.ProtoUDP
	}
	all := lookups(f, flow)
	out.Known = true
	for i := range all {
		out.Known = out.Known && all[i].decision.Disposition != lookup.DispositionUnknown
		out.add(f, &all[i])
	}
	if noKernel || !out.Known {
		return out, nil
	}
	for i := range all {
		one := &all[i]
		answer, err := src.Resolve(ctx, one.flow)
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		if err == nil {
			c := f.Compare(&one.flow, &one.decision, &answer)
			out.Agrees = c.Agrees && (out.Agrees || !out.Asked)
			out.Asked = true
		}
	}
	return out, nil
}

// lookedUp is a packet and the decision about it.
type lookedUp struct {
	flow     route.Flow
	decision lookup.Decision
}

// lookups are the look-ups by which sockets without a source may send packets.
func lookups(f *lookup.FIB, flow route.Flow) []lookedUp {
	out := []lookedUp{{flow, f.Lookup(flow)}}
	f.Searcher().Second(flow, &out[0].decision, func(src netip.Addr, d *lookup.Decision) {
		again := lookedUp{flow, d.Clone()}
		again.flow.Src = src
		out = append(out, again)
	})
	return out
}

// add adds the ways of a look-up that are not there yet.
func (m *FamilyMetrics) add(f *lookup.FIB, l *lookedUp) {
	d := &l.decision
	if d.Disposition != lookup.DispositionUnicast {
		return
	}
	table := namesOf(f).table(d.Table())
	for _, h := range NewDecision(f, &l.flow, d, f.Gateways(&l.flow, d)).NextHops {
		same := func(w DefaultWay) bool { return w.Dev == h.Dev && w.Gateway == h.Gateway }
		if !slices.ContainsFunc(m.Ways, same) {
			m.Ways = append(m.Ways, DefaultWay{h, table})
		}
	}
}

// Disagrees reports whether the kernel gave another answer.
func (m *Metrics) Disagrees() bool {
	for i := range m.Families {
		if f := &m.Families[i]; f.Asked && !f.Agrees {
			return true
		}
	}
	return false
}

// Status is that of the checks, or that the kernel disagrees.
func (m *Metrics) Status() Status {
	if m.Disagrees() {
		return StatusDisagrees
	}
	return m.Check.Status()
}
