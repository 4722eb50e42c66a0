package command

import (
	"net/netip"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
)

// routeUsage is the beginning of the usage that ip shows for `ip route`.
const routeUsage = "Usage: ip route { list | flush } SELECTOR"

// route reads `ip route`.
func (a *args) route(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = choose(word, "list show lst get add change chg replace prepend append test delete flush save restore showdump help")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip route help"))
		}
	}
	switch verb {
	case "add":
		a.changeRoute(c, change.Add)
	case "change", "chg":
		a.changeRoute(c, change.Modify)
	case "replace":
		a.changeRoute(c, change.Replace)
	case "prepend":
		a.changeRoute(c, change.Prepend)
	case "append":
		a.changeRoute(c, change.Append)
	case "delete":
		a.changeRoute(c, change.Delete)
	case "test":
		a.changeRoute(c, change.Test)
	case "flush":
		a.flushRoutes(c)
	case "list", "show", "lst":
		a.showRoutes(c)
	case "get":
		a.getRoute(c)
	case "help":
		a.refuse(routeUsage)
	default:
		a.unknown("ip route %s is not understood", verb)
	}
}

// routeWords are the keywords of a route, in the order in which ip compares them.
const routeWords = "src as via from tos dsfield* expires metric* priority* preference scope mtu hoplimit advmss reordering* rtt " +
	"rto_min window* cwnd* initcwnd* initrwnd* features* quickack* congctl* rttvar* ssthresh* realms* onlink nexthop nhid protocol* " +
	"table* vrf* dev oif pref* encap ttl-propagate fastopen_no_cookie*"

// routeRequest is a request that is being built, as iproute_modify fills it in.
type routeRequest struct {
	*args
	change.Route
	family              route.Family // zero: not known yet
	dst                 inet
	hasDst              bool
	gateway             netip.Addr
	dev                 string
	onlink              bool
	realm               uint32
	encap               route.Encap
	hasTable, hasScope  bool
	hasGateway, hasType bool
	several             bool // with nexthop
	kernel              *change.Refusal
	metrics             []route.Metric
}

// changeRoute is iproute_modify (ip/iproute.c).
func (a *args) changeRoute(c *Command, verb change.Verb) {
	q := &routeRequest{args: a, family: a.family}
	r := &q.Route.Route
	q.Verb, r.Table, r.Scope = verb, route.TableMain, route.ScopeNowhere
	if verb != change.Delete {
		r.Protocol, r.Scope, r.Type = route.ProtocolBoot, route.ScopeGlobal, route.TypeUnicast
	}
	for a.more() && !q.several {
		word := a.take()
		if key := chooseExact(word, routeWords); key != "" {
			q.keyword(key)
		} else {
			q.destination(word)
		}
	}
	if !q.hasDst {
		a.refuse(routeUsage)
	}
	q.complete()
	c.Kernel = q.kernel
	c.Changes = append(c.Changes, &q.Route)
}

// destination reads a route's type and its prefix.
func (q *routeRequest) destination(word string) {
	if word == "to" {
		word = q.value()
	}
	if word != "" && (word[0] < '0' || word[0] > '9') {
		if t, ok := routeType(word); ok {
			q.Route.Route.Type, q.hasType = t, true
			word = q.value()
		}
	}
	if matches(word, "help") {
		q.refuse(routeUsage)
	}
	if q.hasDst {
		q.garbage("to", word)
	}
	q.dst, q.hasDst = q.prefix(word, q.family), true
	if q.family == 0 {
		q.family = q.dst.family
	}
}

// keyword reads the value of a keyword.
func (q *routeRequest) keyword(key string) {
	r := &q.Route.Route
	switch key {
	case "src":
		r.PrefSrc = q.addr(q.value(), q.family)
		q.learn(route.FamilyOf(r.PrefSrc))
	case "via":
		q.via()
	case "from":
		p := q.prefix(q.value(), q.family)
		q.learn(p.family)
		if p.prefix.Bits() > 0 {
			r.Src = p.prefix
		}
	case "tos", "dsfield":
		v := q.value()
		tos, ok := dsfield(v)
		if !ok {
			q.invalid(v, `"tos" value is invalid`)
		}
		r.TOS = tos
	case "expires":
		q.Expires = time.Duration(q.uint32Of(q.value(), `"expires" value is invalid`)) * time.Second
	case "metric", "priority", "preference":
		r.Metric = q.uint32Of(q.value(), `"metric" value is invalid`)
	case "scope":
		v := q.value()
		s, ok := scope(v)
		if !ok {
			q.invalid(v, `invalid "scope" value`)
		}
		r.Scope, q.hasScope = s, true
	case "onlink":
		q.onlink = true
	case "nexthop":
		q.at--
		q.several = true
	case "nhid":
		r.NextHopID = q.uint32Of(q.value(), `"id" value is invalid`)
	case "protocol":
		v := q.value()
		p, ok := q.protocol(v)
		if !ok {
			q.invalid(v, `"protocol" value is invalid`)
		}
		r.Protocol = p
	case "table":
		v := q.value()
		t, ok := q.table(v)
		if !ok {
			q.invalid(v, `"table" value is invalid`)
		}
		r.Table, q.hasTable = t, true
	case "vrf":
		r.Table, q.hasTable = q.vrf(q.value()), true
	case "dev", "oif":
		q.dev = q.value()
	case "realms":
		q.realm = q.realms(q.value())
	case "pref":
		q.pref(q.value())
	case "encap":
		q.encap = q.encapsulation()
	case "ttl-propagate":
		if v := q.value(); v != "enabled" && v != "disabled" {
			q.invalid(v, `"ttl-propagate" value is invalid`)
		}
	case "as":
		q.skip("to")
		q.addr(q.value(), q.family)
		q.unknown("as, which translates MPLS labels, is not understood")
	default:
		q.metric(key)
	}
}

// learn takes a family if none is known yet.
func (q *routeRequest) learn(f route.Family) {
	if q.family == 0 {
		q.family = f
	}
}

// via reads a gateway.
func (q *routeRequest) via() {
	if q.hasGateway {
		q.invalid("via", "use nexthop syntax to specify multiple via")
	}
	f, g := q.gatewayOf(q.family)
	q.learn(f)
	q.gateway, q.hasGateway = g, true
}

// gatewayOf reads a gateway. The gateway's family stands before it if it is another
// one.
func (a *args) gatewayOf(f route.Family) (route.Family, netip.Addr) {
	word := a.value()
	switch word {
	case "inet":
		f, word = route.IPv4, a.value()
	case "inet6":
		f, word = route.IPv6, a.value()
	case "link", "mpls", "bridge":
		a.unknown("a gateway of family %s is not understood", word)
	}
	g := a.addr(word, f)
	return route.FamilyOf(g), g
}

// vrf is the table of a VRF.
func (a *args) vrf(name string) route.Table {
	l := a.device(name)
	if l == nil || l.Kind != "vrf" {
		a.invalid(name, "Invalid VRF")
	}
	return l.VRFTable
}

func (q *routeRequest) pref(v string) {
	q.HasPref = true
	r := &q.Route.Route
	switch v {
	case "low":
		r.Pref = route.PreferenceLow
	case "medium":
		r.Pref = route.PreferenceMedium
	case "high":
		r.Pref = route.PreferenceHigh
	default:
		r.Pref = route.Preference(q.uint8Of(v, `"pref" value is invalid`))
	}
}

// complete does what comes after the last word.
func (q *routeRequest) complete() {
	r := &q.Route.Route
	hop := route.NextHop{Gateway: q.gateway, Encap: q.encap, Realm: q.realm}
	if q.dev != "" {
		hop.Link = q.link(q.dev).Index
	}
	if q.onlink {
		hop.Flags |= route.NextHopOnLink
	}
	if hop != (route.NextHop{}) {
		r.NextHops = []route.NextHop{hop}
	}
	r.Metrics = q.metrics
	if q.several {
		r.NextHops = q.nextHops()
	}
	q.learn(route.IPv4)
	r.Dst = q.dst.in(q.family)
	q.defaults()
}

// defaults are the table and the scope that ip fills in.
func (q *routeRequest) defaults() {
	r := &q.Route.Route
	if !q.hasTable {
		r.Table = usualTable(r.Type)
	}
	if !q.hasScope {
		r.Scope = usualScope(q.Verb, q.family, r, q.hasGateway || q.several)
	}
}

// usualTable is the table of a route if the command gives none.
func usualTable(t route.Type) route.Table {
	switch t {
	case route.TypeLocal, route.TypeBroadcast, route.TypeNAT, route.TypeAnycast:
		return route.TableLocal
	}
	return route.TableMain
}

// usualScope is the scope of a route if the command gives none. further says that the
// route has a gateway, or several next hops.
func usualScope(v change.Verb, f route.Family, r *route.Route, further bool) route.Scope {
	if f == route.IPv6 {
		return route.ScopeGlobal
	}
	switch r.Type {
	case route.TypeLocal, route.TypeNAT:
		return route.ScopeHost
	case route.TypeBroadcast, route.TypeMulticast, route.TypeAnycast:
		return route.ScopeLink
	case route.TypeUnicast, route.TypeUnspec:
		if v != change.Delete && !further && r.NextHopID == 0 {
			return route.ScopeLink
		}
	}
	if v == change.Delete {
		return route.ScopeNowhere
	}
	return route.ScopeGlobal
}

// routeType is rtnl_rtntype_a2n (lib/rt_names.c).
func routeType(word string) (route.Type, bool) {
	switch chooseExact(word, "local nat broadcast* brd anycast* multicast* prohibit* unreachable* blackhole* xresolve* unicast* throw") {
	case "local":
		return route.TypeLocal, true
	case "nat":
		return route.TypeNAT, true
	case "broadcast", "brd":
		return route.TypeBroadcast, true
	case "anycast":
		return route.TypeAnycast, true
	case "multicast":
		return route.TypeMulticast, true
	case "prohibit":
		return route.TypeProhibit, true
	case "unreachable":
		return route.TypeUnreachable, true
	case "blackhole":
		return route.TypeBlackhole, true
	case "xresolve":
		return route.TypeXResolve, true
	case "unicast":
		return route.TypeUnicast, true
	case "throw":
		return route.TypeThrow, true
	}
	n, ok := number(word, 8)
	return route.Type(n), ok
}
