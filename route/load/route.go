package load

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// parseRoute reads a line of ip-route(8), as print_route in iproute2's
// ip/iproute.c writes it. The family is that of a line that does not tell.
func (f *facts) parseRoute(line []string, c *context) (route.Route, error) {
	w := &words{rest: line}
	r := route.Route{Type: route.TypeUnicast, Table: c.table, Protocol: route.ProtocolBoot}
	if r.Table == 0 {
		r.Table = route.TableMain
	}
	if rest := withoutType(line); len(rest) < len(line) {
		_ = r.Type.UnmarshalText([]byte(w.next()))
	}
	fam := c.familyOf(withoutEncap(line))
	dst, err := parseDst(w.next(), fam)
	if err != nil {
		return r, err
	}
	r.Dst = dst
	var hop route.NextHop
	single := false
	for w.more() {
		if w.peek() == "nexthop" {
			w.next()
			r.NextHops = append(r.NextHops, f.parseHop(w))
			continue
		}
		used, isHop := f.hopWord(w, &hop)
		single = single || isHop
		if !used {
			f.routeWord(w, &r, &hop)
		}
	}
	if c.dev != "" && hop.Link == 0 && len(r.NextHops) == 0 {
		hop.Link, single = f.device(c.dev), true
	}
	if single && len(r.NextHops) == 0 && !(r.Family() == route.IPv4 && r.Type.Refuses()) {
		r.NextHops = []route.NextHop{hop}
	}
	switch {
	case w.err != nil: // what stands after it was not read
		r.Flags |= route.FlagOdd
		r.Metric, r.TOS, r.Src = 0, 0, netip.Prefix{}
		f.restOfRoute(w.rest, &r)
		return r, w.err
	case w.soft != nil && !slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Flags&route.NextHopUnread != 0 }):
		r.Flags |= route.FlagOdd
	}
	return r, w.soft
}

// restOfRoute finds the table of a route of which a word was not understood.
func (f *facts) restOfRoute(rest []string, r *route.Route) {
	for i := 0; i+1 < len(rest); i++ {
		if rest[i] == "table" {
			if t, err := f.table(rest[i+1]); err == nil {
				r.Table = t
			}
		}
	}
}

// parseHop reads what follows "nexthop".
func (f *facts) parseHop(w *words) route.NextHop {
	h := route.NextHop{Weight: 1}
	for w.more() && w.peek() != "nexthop" {
		if used, _ := f.hopWord(w, &h); used {
			continue
		}
		if !w.skip("weight") {
			return h // a word of the route: older versions write pref after the next hops
		}
		h.Weight = int(w.number(16))
	}
	return h
}

// hopWord takes what says something of a next hop. The second result says that
// it makes one.
func (f *facts) hopWord(w *words, h *route.NextHop) (used, makes bool) {
	if flag, ok := hopFlag(w.peek()); ok {
		w.next()
		h.Flags |= flag
		return true, false
	}
	switch w.peek() {
	case "via":
		w.next()
		if !w.skip("inet6") {
			w.skip("inet")
		}
		if a, err := parseAddr(w.peek()); err == nil {
			h.Gateway = a
		} else if w.more() {
			w.unread(w.peek())
			h.Flags |= route.NextHopUnread
		}
		w.next()
		return true, true
	case "dev":
		w.next()
		h.Link = f.device(w.next())
		return true, true
	case "encap":
		w.next()
		f.encap(w, h)
		return true, false
	case "realm", "realms":
		w.next()
		h.Realm = w.realms()
		return true, false
	}
	return false, false
}

// encap takes a light-weight tunnel with its parameters, some of which have the names
// of a route's own.
func (f *facts) encap(w *words, h *route.NextHop) {
	n := encapLength(w.rest)
	if n == 0 {
		w.next()
		return
	}
	h.Encap = encapByName(w.rest[0])
	if h.Encap == 0 {
		w.fail(fmt.Errorf("unknown encap"))
	}
	w.rest = w.rest[n:]
}

// encapLength is how many words a tunnel has, its kind the first of them
// (lwt_print_encap in iproute2's ip/iproute_lwtunnel.c): it ends at the next hop's
// device or gateway, or at the next word that is the route's alone.
func encapLength(w []string) int {
	if len(w) == 0 {
		return 0
	}
	table := w[0] == "seg6local" // may have one of its own, which comes first
	for i := 1; i < len(w); i++ {
		switch w[i] {
		case "via", "dev", "nexthop", "proto", "metric", "scope", "weight", "pref", "expires", "error":
			return i
		case "table":
			if !table {
				return i
			}
			table = false
		case "vrftable":
			table = false
		}
	}
	return len(w)
}

// withoutEncap is a line without its tunnels.
func withoutEncap(line []string) []string {
	if !slices.Contains(line, "encap") {
		return line
	}
	var out []string
	for i := 0; i < len(line); i++ {
		if line[i] == "encap" {
			i += encapLength(line[i+1:])
			continue
		}
		out = append(out, line[i])
	}
	return out
}

func encapByName(name string) route.Encap {
	for e := route.Encap(1); ; e++ {
		if s := e.String(); s == name {
			return e
		} else if s == strconv.Itoa(int(e)) {
			return 0
		}
	}
}

// routeWord takes what says something of the whole route.
func (f *facts) routeWord(w *words, r *route.Route, hop *route.NextHop) {
	var err error
	switch word := w.next(); word {
	case "table":
		r.Table, err = f.table(w.next())
	case "proto":
		r.Protocol, err = f.protocol(w.next())
	case "scope":
		r.Scope, err = scope(w.next())
	case "src":
		if a, err := parseAddr(w.peek()); err == nil {
			r.PrefSrc = a
		} else if w.more() {
			w.unread(w.peek())
		}
		w.next()
	case "metric", "priority", "preference":
		r.Metric, err = metricColumn(w.next())
	case "tos", "dsfield":
		r.TOS, err = tos(w.next())
	case "from":
		r.Src, err = parseDst(w.next(), r.Family())
	case "nhid":
		r.NextHopID = uint32(w.number(32))
	case "pref":
		err = r.Pref.UnmarshalText([]byte(w.next()))
	case "expires":
		r.Expires = w.seconds()
	case "error", "users", "age", "used", "ssthresh", "rtt", "rttvar", "features", "congctl", "hoplimit", "realm-from",
		"ttl-propagate", "ttl-propogate": //nolint:misspell // as print_route spells it
		w.next()
	case "lock", "fastopen_no_cookie":
		metric(w, r, word)
	case "cache", "notify":
	default:
		metric(w, r, word)
	}
	if err != nil {
		w.fail(err)
	}
	_ = hop
}

// metric takes a path metric, "mtu 1400" or "mtu lock 1400".
func metric(w *words, r *route.Route, name string) {
	for id := uint16(2); id < 18; id++ {
		m := route.Metric{ID: id}
		if m.Name() != name {
			continue
		}
		m.Lock = w.skip("lock")
		text := strings.TrimSuffix(strings.TrimSuffix(w.next(), "ms"), "s")
		n, err := number(text, 32)
		if err != nil {
			w.fail(err)
		}
		m.Value = uint32(n)
		r.Metrics = append(r.Metrics, m)
		return
	}
	w.fail(fmt.Errorf("%q is not known", name))
}

// errNowhere: what `ip route show dev DEVICE` prints lacks the device.
var errNowhere = errors.New("a route without a device")

// checkRoute finds what cannot be in a table.
func checkRoute(r *route.Route) error {
	fam := r.Family()
	switch {
	case !r.Dst.IsValid():
		return fmt.Errorf("no destination")
	case r.Src.IsValid() && route.FamilyOf(r.Src.Addr()) != fam:
		return fmt.Errorf("from %s", r.Src)
	case r.PrefSrc.IsValid() && route.FamilyOf(r.PrefSrc) != fam:
		return fmt.Errorf("src %s", r.PrefSrc)
	}
	for i := range r.NextHops {
		h := &r.NextHops[i]
		switch g := h.Gateway; {
		case g.IsValid() && fam == route.IPv6 && g.Is4():
			return fmt.Errorf("via %s", g)
		case h.Link == 0 && !r.Type.Refuses():
			return errNowhere
		}
	}
	if len(r.NextHops) == 0 && r.NextHopID == 0 && r.Flags&route.FlagOdd == 0 && !r.Type.Refuses() && r.Type != route.TypeThrow {
		return errNowhere
	}
	return r.Check()
}
