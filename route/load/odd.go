package load

import (
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// A route or a rule that was not wholly understood is kept as far as it was understood,
// because it may decide.

// isRouteWord reports whether a word describes a route, after its destination, or is a
// word of the answers of `ip route get`.
func isRouteWord(s string) bool {
	return iproute2.IsRouteWord(s) || s == "lock" || s == "uid" || s == "iif"
}

// isRuleWord reports whether a word describes a rule, after its priority, and does not
// begin a route.
func isRuleWord(s string) bool {
	return s == "[detached]" || iproute2.IsRuleWord(s) && len(iproute2.WithoutType([]string{s, "default"})) == 2
}

// wantsMore reports whether a line ends with a word that needs another one: a mail
// program wrapped it there.
func wantsMore(w []string) bool { return iproute2.WantsMore(w[len(w)-1]) }

// looksLikeRoute reports whether a line is that of a route whose destination is not
// readable.
func looksLikeRoute(w []string) bool {
	w = iproute2.WithoutType(w)
	if len(w) < 3 || strings.Count(w[0], ":") == 5 && len(w[0]) == 17 { // a MAC address
		return false
	}
	if isNeighbour(w) || slices.Contains(w, "lladdr") {
		return false
	}
	if w[0] == "nexthop" {
		return w[1] == "via" || w[1] == "dev"
	}
	if w[1] == "dev" && (w[0] == "qdisc" || slices.Contains(w, "self") || slices.Contains(w, "permanent")) {
		return false
	}
	return (w[1] == "via" || w[1] == "dev") && (len(w) == 3 || isRouteWord(w[3]) || w[1] == "via" && slices.Contains(w, "dev"))
}

// looksMistyped reports whether a line is that of a route with a wrong word after its
// destination: somebody copied it by hand.
func looksMistyped(w []string) bool {
	w = iproute2.WithoutType(w)
	if len(w) < 3 || w[0] != "default" && !strings.Contains(w[0], "/") || isNeighbour(w) {
		return false
	}
	if _, _, ok := destination(w[0]); !ok && w[0] != "default" {
		return false
	}
	if dev := slices.Index(w, "dev"); dev > 1 && dev+1 < len(w) {
		return true
	}
	_, err := netip.ParseAddr(w[2])
	return len(w) == 3 && err == nil
}

// oddRoute takes a line of which looksLikeRoute is true: its table has a route that is
// not known.
func (t *lines) oddRoute(w []string) error {
	if t.skipped() || t.context.answers {
		return nil
	}
	inner := iproute2.WithoutType(w)
	r := t.toSomewhere(w)
	fam := r.Family()
	switch {
	case strings.Contains(inner[0], ":"):
		fam = route.IPv6
	case !strings.Contains(inner[0], ".") && t.family == 0 && !slices.Contains(w, "scope"):
		fam = 0
	}
	table := r.Table
	if t.anyTable && !slices.Contains(w, "table") {
		table = 0
	}
	if slices.Contains(w, "table") && fam != 0 && t.partial == "" {
		t.complete[fam] = true
	}
	t.odd(route.Route{Table: table}, fam)
	return unreadable(inner[:1])
}

// toSomewhere reads a route as if its destination were default. The result has the
// route's table, and the family that the other words tell.
func (t *lines) toSomewhere(w []string) route.Route {
	r, _ := t.parseRoute(append([]string{"default"}, iproute2.WithoutType(w)[1:]...), &t.context)
	return r
}

// looksLikeRule reports whether a line is that of a rule whose priority is not readable,
// or what follows the priority.
func looksLikeRule(s string, w []string) bool {
	if len(w) < 3 {
		return false
	}
	_, err := iproute2.ParseUint(strings.TrimSuffix(w[0], ":"), 32)
	head := strings.HasSuffix(w[0], ":")
	if !head || strings.HasPrefix(s, "#") {
		return false
	}
	does := slices.ContainsFunc(w[1:], func(s string) bool {
		return s == "lookup" || s == "goto" || s == "[l3mdev-table]" || s == "blackhole" || s == "unreachable" || s == "prohibit"
	})
	return does && (err == nil || w[1] == "from" || w[1] == "not")
}

// oddRule keeps a rule of which at most the priority was understood.
func (t *lines) oddRule(w []string) error {
	if t.skipped() {
		return nil
	}
	t.known++
	r, err := t.parseRule(decimal(w[0]), w[1:], &t.context)
	if len(r.Unknown) == 0 {
		r.Unknown = []route.Attr{{}}
	}
	t.addRule(r)
	if err == nil {
		err = errLine
	}
	return err
}
