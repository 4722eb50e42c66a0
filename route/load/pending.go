package load

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// Routes and rules of a listing may have further lines.

// continues takes a line that says more about the route or the rule before it: a next
// hop, or a part that a mail program wrapped. It reports whether the line was one.
func (t *lines) continues(w []string) bool {
	switch {
	case t.wide && (isRuleWord(w[0]) || wantsMore(t.pending)):
		t.pending = append(t.pending, w...)
	case t.wide:
		return false
	case w[0] == "nexthop", isRouteWord(w[0]) && w[0] != "cache", wantsMore(t.pending):
		t.pending = append(t.pending, w...)
	case w[0] == "nh_info" && len(w) > 2:
		if err := t.parseNextHop(w[1:]); err != nil {
			t.l.fault(t.file, t.line, err)
		}
	case w[0] == "cache":
		t.answered(t.pending)
		t.pending = nil // it was the result of a look-up, and is no entry of a table
		t.answers++
	default:
		return false
	}
	return true
}

// settle takes the route or rule that is pending, and reports its fault.
func (t *lines) settle() {
	if t.pending == nil {
		return
	}
	if err := t.flush(); err != nil {
		t.l.fault(t.file, t.at, err)
	}
}

// numericWords are numbers that ip shows as names unless it has -N.
var numericWords = lazily(` scope (?:0|200|25[3-5])(?: |$)| proto 2(?: |$)| table 25[345](?: |$)`)

// beginsRoute reports whether a line begins like a route: with a destination, which a
// type may precede, and then a word of a route.
func beginsRoute(w []string) bool {
	w = iproute2.WithoutType(w)
	if len(w) == 0 {
		return false
	}
	if w[0] != "default" {
		if _, _, ok := destination(w[0]); !ok {
			return false
		}
	}
	return len(w) == 1 || isRouteWord(w[1])
}

// isNeighbour reports whether a line is from the neighbour table. Its lines end with
// a state.
func isNeighbour(w []string) bool {
	if _, err := netip.ParseAddr(w[0]); err != nil {
		return false
	}
	switch w[len(w)-1] {
	case "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "INCOMPLETE", "PERMANENT", "NOARP", "NONE":
		return true
	}
	return slices.Contains(w, "lladdr")
}

// flush takes the route or the rule that is pending.
func (t *lines) flush() error {
	w := t.pending
	t.pending = nil
	if t.skipped() {
		return nil
	}
	if len(w) == 1 && !t.wide && t.kind != kindRoutes && !strings.Contains(w[0], "/") {
		return errLine // an address alone, or the word default
	}
	if t.wide {
		return t.takeRules(w)
	}
	if t.context.answers || isAnswer(w) {
		t.answered(w)
		t.answers++
		return nil
	}
	return t.takeRoutes(w)
}

// takeRules adds a rule, or several if the lines of a listing were joined.
func (t *lines) takeRules(w []string) error {
	all := [][]string{w}
	if _, odd := iproute2.ParseRule(w[1:]); odd != nil {
		all = flatRules(w)
	}
	var first error
	for _, w := range all {
		t.known++
		t.resumeRules(decimal(w[0]))
		r, err := t.parseRule(decimal(w[0]), w[1:], &t.context)
		t.addRule(r)
		first = cmp.Or(first, err)
	}
	return first
}

// resumeRules notes that a listing of rules goes on after a line that was not understood.
func (t *lines) resumeRules(priority uint32) {
	if t.context.rules.any || !t.listings[t.listing].weak || len(t.facts.listed) == 0 {
		return
	}
	last := &t.facts.listed[len(t.facts.listed)-1]
	if l := &t.listings[last.listing]; l.file == t.file && priority >= last.Priority {
		t.context.rules = rulesSeen{last.Priority, true, last.Family}
		t.resumed = last.listing + 1
	}
}

// perhapsAgain begins another listing at a default route after an empty line: ip(8) lists
// default routes first. If no route is in both, they are one ([facts.joinWeak]). Where an
// empty line follows each route, it says nothing.
func (t *lines) perhapsAgain(w []string) {
	t.close = t.close || t.routeLine > 0 && t.line == t.routeLine+1
	if inner := iproute2.WithoutType(w); t.apart && !t.wasApart && t.close && inner[0] == "default" {
		t.beginAgain(t.line)
	}
}

// takeRoutes adds a route, or several if the lines of a listing were joined.
func (t *lines) takeRoutes(w []string) error {
	all := [][]string{w}
	if perhapsFlat(w) {
		if _, odd := iproute2.ParseRoute(w); odd != nil {
			all = flatRoutes(w)
		}
	}
	var first error
	for _, w := range all {
		first = cmp.Or(first, t.takeRoute(w))
	}
	return first
}

// takeRoute adds a route, or as much of it as was understood.
func (t *lines) takeRoute(w []string) error {
	r, err := t.parseRoute(w, &t.context)
	if check := checkRoute(&r); check != nil {
		r = route.Route{Table: r.Table, Dst: r.Dst, Type: route.TypeUnicast, Flags: route.FlagOdd}
		err = cmp.Or(err, check)
	}
	switch {
	case err == nil && isNullEntry(&r):
		return nil
	case !r.Dst.IsValid():
		somewhere := t.toSomewhere(w)
		t.odd(r, somewhere.Family())
		return err
	case r.Table == 0:
		t.odd(r, r.Family())
		return err
	}
	t.known++
	if t.anyTable && !slices.Contains(w, "table") {
		t.odd(route.Route{}, r.Family())
		return cmp.Or(err, errors.New("of a table that is not told"))
	}
	t.place(r, &t.context, slices.Contains(w, "table"))
	return err
}

// isAnswer reports whether a line is an answer of `ip route get`, and not an entry of a
// table. An answer has the user, or the source that was asked for.
func isAnswer(w []string) bool {
	if slices.Contains(w, "uid") {
		return true
	}
	_, fam, ok := destination(w[0])
	if !ok || strings.Contains(w[0], "/") || len(w) < 3 || w[1] != "from" {
		return false
	}
	return w[2] == "::" || fam == route.IPv4
}

// skipped reports whether the listing is of another network namespace, or is none.
func (t *lines) skipped() bool {
	return t.aside != "" || t.netns != t.l.netns && (t.netns != "" || !t.l.report)
}

// isNullEntry reports whether a route means that there is no route: old kernels
// list such an entry (ip6_null_entry in net/ipv6/route.c).
func isNullEntry(r *route.Route) bool {
	return r.Type == route.TypeUnreachable && r.Metric == 1<<32-1 && r.IsDefault() && r.Family() == route.IPv6
}

// place adds a route whose table may not have been told, because listings of one table
// leave the table out. Routes of some types go to table local: only that has them.
func (f *facts) place(r route.Route, c *context, told bool) {
	fam := r.Family()
	if (told || c.all) && c.partial == "" {
		f.complete[fam] = true
	} else if !told && c.table == 0 && (r.Type == route.TypeLocal || r.Type == route.TypeBroadcast || r.Type == route.TypeAnycast || r.Type == route.TypeMulticast) {
		r.Table = route.TableLocal
	}
	c.seen = fam
	f.addRoute(r)
}
