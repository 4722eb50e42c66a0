package report

import (
	"context"
	"net/netip"
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
	// how: none where they do not get out.
	Known bool
	Ways  []NextHop
	Table string
	// Asked says that the kernel was asked the same, and Agrees what it said.
	Asked, Agrees bool
	Rules         int
	Tables        []TableSize
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
	out := FamilyMetrics{Family: fam}
	for i := range n.snap.Rules {
		if n.snap.Rules[i].Family == fam {
			out.Rules++
		}
	}
	for _, id := range f.TableIDs(fam) {
		if size := f.TableSize(fam, id); size > 0 {
			out.Tables = append(out.Tables, TableSize{n.table(id), size})
		}
	}
	flow := route.Flow{Dst: f.ExternalAddr(fam)}
	if fam == route.IPv4 {
		flow.Proto = route.ProtoUDP
	}
	d := f.Lookup(flow)
	out.Known = d.Disposition != lookup.DispositionUnknown
	if d.Disposition == lookup.DispositionUnicast {
		seen := map[[2]string]bool{}
		for _, h := range NewDecision(f, &flow, &d, f.Gateways(&flow, &d)).NextHops {
			if k := [2]string{h.Dev, gatewayText(h.Gateway)}; !seen[k] {
				seen[k] = true
				out.Ways = append(out.Ways, h)
			}
		}
		out.Table = n.table(d.Table())
	}
	if noKernel || !out.Known {
		return out, nil
	}
	answer, err := src.Resolve(ctx, flow)
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if err == nil {
		c := f.Compare(&flow, &d, &answer)
		out.Asked, out.Agrees = true, c.Agrees
	}
	return out, nil
}

func gatewayText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
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
