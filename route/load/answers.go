package load

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/route"
)

// answer is what a line of `ip route get` tells about the tables. It is no entry of one.
type answer struct {
	dst   netip.Addr
	table string // empty: main, local or not told
}

// maxAnswers is how many answers are kept.
const maxAnswers = 256

// answered keeps an answer of `ip route get` about a packet of which nothing but the
// destination was given.
func (t *lines) answered(w []string) {
	if t.skipped() || len(t.lookedUp) == maxAnswers || slices.Contains(w, "mark") || slices.Contains(w, "iif") || slices.Contains(w, "<redirected>") {
		return
	}
	dst, _, ok := destination(w[0])
	value := func(of string) string {
		if i := slices.Index(w, of); i >= 0 && i+1 < len(w) {
			return w[i+1]
		}
		return ""
	}
	if from := value("from"); !ok || from != "" && from != "::" {
		return
	}
	a := answer{dst: dst.Addr(), table: value("table")}
	if slices.Contains([]string{"main", "local", "default", "254", "255", "253"}, a.table) {
		a.table = ""
	}
	t.lookedUp = append(t.lookedUp, a)
}

// otherRules is why the default rules cannot be those of the host: an answer of the kernel is
// from a table to which they do not lead. Empty: no such answer.
func (f *facts) otherRules(fam route.Family) string {
	for _, a := range f.lookedUp {
		switch {
		case route.FamilyOf(a.dst) != fam:
		case a.table != "":
			return fmt.Sprintf("an answer of `ip route get` in the files is from table %s", a.table)
		case f.listedWhole(fam) && !f.covered(a.dst):
			return fmt.Sprintf("`ip route get` found a route to %s, which no route in the files is for", a.dst)
		}
	}
	return ""
}

// covered reports whether a route is for an address. Routes that were not read whole count.
func (f *facts) covered(a netip.Addr) bool {
	found := false
	f.eachRoute(func(r *route.Route) { found = found || r.Dst.Contains(a) && !r.Type.Refuses() })
	return found
}

// listedWhole reports whether a whole listing of table main is in the files.
func (f *facts) listedWhole(fam route.Family) bool {
	k := familyTable{fam, route.TableMain}
	return !f.parts[k] && !f.parts[familyTable{fam, 0}] && slices.ContainsFunc(f.tableIn[k], func(l int32) bool { return f.listings[l].partial == "" })
}
