package whynot

import (
	"routewhy/lookup"
	"routewhy/route"
)

// Cause is one thing that can give a program an error.
type Cause struct {
	Code  lookup.Code
	State CauseState
	// Reason says more: for a neighbour its address (Have) and device (Want), for a rule
	// why it does not match, for a setting or a device its name (Have), for a source that is
	// no address of the host CodeNotOwn. CauseNoSource: the program does not get that far,
	// because no address fits. Of a lack of routes, why Route cannot be used. Of forwarding that
	// is ruled out, why IPv6 drops the packet after its look-up, without an error.
	Reason lookup.Reason
	// Rule and Route are the rule or route that is the cause, or that was ruled out;
	// nil: there is none.
	Rule  *route.Rule
	Route *route.Route
	// Others are the further parts of the selector of Rule that do not match.
	Others []lookup.Reason
	// Packet is a packet that gets the error by this rule or route, or for lack of one, where
	// the one that was asked about does not; nil: there is none.
	Packet *route.Flow
}

// CauseState says what is known about a cause.
type CauseState string

// What is known of a cause.
const (
	CauseIs       CauseState = "is"        // this is it
	CausePossible CauseState = "possible"  // it may be
	CauseNot      CauseState = "ruled-out" // it is not
	CauseUnseen   CauseState = "unseen"    // the tables do not tell
)

// What an error that a program got may come from.
const (
	CauseBlackholeRoute   lookup.Code = "cause-blackhole-route"   // a route of type blackhole
	CauseBlackholeRule    lookup.Code = "cause-blackhole-rule"    // a rule of type blackhole
	CauseReversePath      lookup.Code = "cause-reverse-path"      // the reverse-path filter
	CauseSource           lookup.Code = "cause-source"            // the packet's source
	CauseUnreachableRoute lookup.Code = "cause-unreachable-route" // a route of type unreachable
	CauseUnreachableRule  lookup.Code = "cause-unreachable-rule"  // a rule of type unreachable
	CauseProhibitRoute    lookup.Code = "cause-prohibit-route"    // a route of type prohibit
	CauseProhibitRule     lookup.Code = "cause-prohibit-rule"     // a rule of type prohibit
	CauseNoRoute          lookup.Code = "cause-no-route"          // no table that was asked has a route
	CauseThrow            lookup.Code = "cause-throw"             // a throw route, after which no table has a route
	CauseNeighbour        lookup.Code = "cause-neighbour"         // the neighbour does not answer
	CauseForwarding       lookup.Code = "cause-forwarding"        // forwarding is off
	CauseDevice           lookup.Code = "cause-device"            // the device that the socket is bound to
	CauseBroadcast        lookup.Code = "cause-broadcast"         // SO_BROADCAST is not set
	CauseGroup            lookup.Code = "cause-group"             // TCP, which connects to no broadcast or multicast address
	CauseScope            lookup.Code = "cause-scope"             // a link-local destination without a device
	CauseNoSource         lookup.Code = "cause-no-source"         // no address fits
	CauseSilence          lookup.Code = "cause-silence"           // nothing comes back
	CauseICMP             lookup.Code = "cause-icmp"              // a router, or the other end, says so
	CauseFirewall         lookup.Code = "cause-firewall"          // a firewall, here or on the way
	CauseNobody           lookup.Code = "cause-nobody"            // nothing listens there
	CauseArgument         lookup.Code = "cause-argument"          // what the program asked for is wrong
	CausePorts            lookup.Code = "cause-ports"             // no source port is left
	CauseForbidden        lookup.Code = "cause-forbidden"         // something forbids it to the program
	CausePolicy           lookup.Code = "cause-policy"            // an IPsec policy; Have: its source, Want: its destination
	CauseMTU              lookup.Code = "cause-mtu"               // a packet that is too long for the device; Have: the MTU, Want: the device
	CauseFamily           lookup.Code = "cause-family"            // the family is not there
	CauseQueue            lookup.Code = "cause-queue"             // a buffer or a queue is full
	CauseDeadEnd          lookup.Code = "cause-dead-end"          // the device by which the packet leaves has no carrier, or is a bridge without a port; Have: it
	CauseKey              lookup.Code = "cause-key"               // a WireGuard device has no peer or no endpoint for the packet; Have: the device
)

// causesOf are the causes of an error.
func causesOf(e route.Errno, received bool, f route.Family) []lookup.Code {
	if received {
		return causesReceived(e)
	}
	return causesSent(e, f)
}

// causesReceived are the causes because of which a received packet is refused
// (ip_route_input_slow).
func causesReceived(e route.Errno) []lookup.Code {
	switch e {
	case route.EINVAL:
		return []lookup.Code{CauseBlackholeRoute, CauseBlackholeRule, CauseReversePath, CauseSource}
	case route.EXDEV:
		return []lookup.Code{CauseReversePath}
	case route.EHOSTUNREACH:
		return []lookup.Code{CauseUnreachableRoute, CauseNeighbour, CauseForwarding, CauseFirewall}
	case route.ENETUNREACH:
		return []lookup.Code{CauseNoRoute, CauseThrow, CauseUnreachableRule, CauseFirewall}
	case route.EACCES:
		return []lookup.Code{CauseProhibitRoute, CauseProhibitRule, CauseFirewall}
	}
	return nil
}

// causesSent are the causes of an error that a program gets (__ip_route_output_key,
// ip6_dst_lookup_tail, tcp_v4_connect, tcp_v6_connect, icmp_err_convert in
// net/ipv4/icmp.c, tab_unreach in net/ipv6/icmp.c).
func causesSent(e route.Errno, f route.Family) []lookup.Code {
	six := f == route.IPv6
	switch e {
	case route.EINVAL:
		out := []lookup.Code{CauseBlackholeRoute, CauseBlackholeRule, CauseSource}
		if six {
			out = append(out, CauseScope)
		}
		return append(out, CauseArgument)
	case route.EHOSTUNREACH:
		return []lookup.Code{CauseUnreachableRoute, CauseDeadEnd, CauseNeighbour, CauseICMP, CauseFirewall}
	case route.ENETUNREACH:
		return []lookup.Code{
			CauseNoRoute, CauseThrow, CauseUnreachableRule, CauseSource, CauseDevice, CauseGroup, CauseICMP, CauseFirewall,
		}
	case route.EACCES:
		if six {
			return []lookup.Code{CauseProhibitRoute, CauseProhibitRule, CauseICMP, CauseFirewall, CauseForbidden}
		}
		return []lookup.Code{CauseProhibitRoute, CauseProhibitRule, CauseBroadcast, CauseForbidden}
	case route.EPERM:
		return []lookup.Code{CausePolicy, CauseFirewall, CauseForbidden}
	case route.ECONNREFUSED:
		return []lookup.Code{CauseNobody, CauseICMP, CauseFirewall}
	case route.EADDRNOTAVAIL:
		return []lookup.Code{CauseSource, CauseNoSource, CausePorts}
	case route.ETIMEDOUT:
		return []lookup.Code{CauseSilence, CauseReversePath, CausePolicy, CauseNeighbour, CauseFirewall}
	}
	return causesRare(e)
}

// causesRare are the causes of errors about which the tables tell little.
func causesRare(e route.Errno) []lookup.Code {
	switch e {
	case route.ENETDOWN, route.ENODEV, route.ENXIO:
		return []lookup.Code{CauseDevice}
	case route.EMSGSIZE:
		return []lookup.Code{CauseMTU, CauseArgument}
	case route.EAFNOSUPPORT:
		return []lookup.Code{CauseFamily, CauseArgument}
	case route.EADDRINUSE:
		return []lookup.Code{CausePorts}
	case route.ENOBUFS, route.EAGAIN:
		return []lookup.Code{CauseQueue}
	case route.EHOSTDOWN, route.ENONET, route.ENOPROTOOPT, route.ECONNRESET:
		return []lookup.Code{CauseICMP}
	case route.ENOKEY, route.EDESTADDRREQ:
		return []lookup.Code{CauseKey}
	}
	return nil
}

// Causes are all things that give a program an error for a packet, or because of which
// a received packet is refused with that error. They also say which of them is the
// cause. Empty means that nothing is known about the error.
func Causes(f *lookup.FIB, t *lookup.Trace, e route.Errno) []Cause {
	x := &causes{state: newState(f, t.Flow, false), t: t, d: &t.Decision, errno: e}
	var out []Cause
	codes := causesOf(e, t.Flow.In != 0, t.Flow.Family())
	if e == route.EHOSTUNREACH && t.Flow.In == 0 && x.byKey(CauseKey).Reason.Code != "" {
		codes = append(codes, CauseKey) // what TCP gets
	}
	for _, c := range codes {
		switch c {
		case CauseNoRoute:
			if x.d.Disposition != lookup.DispositionNoRoute || x.d.Shortcut != "" || x.thrower() == nil {
				out = append(out, x.byLack(c)) // else the lack is the throw route's
			}
		case CauseBlackholeRoute:
			out = append(out, x.byRoute(c, route.TypeBlackhole, lookup.DispositionBlackhole)...)
		case CauseUnreachableRoute:
			out = append(out, x.byRoute(c, route.TypeUnreachable, lookup.DispositionUnreachable)...)
		case CauseProhibitRoute:
			out = append(out, x.byRoute(c, route.TypeProhibit, lookup.DispositionProhibit)...)
		case CauseBlackholeRule:
			out = append(out, x.byRule(c, route.ActionBlackhole)...)
		case CauseUnreachableRule:
			out = append(out, x.byRule(c, route.ActionUnreachable)...)
		case CauseProhibitRule:
			out = append(out, x.byRule(c, route.ActionProhibit)...)
		default:
			out = append(out, x.judge(c))
		}
	}
	return withoutNeighbours(x.afterSource(out))
}

// byLack is the cause that no table has a route, or none that can be used: of those that
// cannot be, the first is given, and why.
func (x *causes) byLack(c lookup.Code) Cause {
	out := x.whether(c, x.d.Disposition == lookup.DispositionNoRoute && x.d.Shortcut == "")
	if out.State != CauseIs {
		return out
	}
	for i := range x.t.Rules {
		for j := range x.t.Rules[i].Candidates {
			if t := &x.t.Rules[i].Candidates[j]; out.Route == nil && t.Verdict == lookup.VerdictUnusable {
				out.Route, out.Reason = &t.Route, x.unused(t)
			}
		}
	}
	return out
}

// unused says why a route cannot be used, and of which device that is.
func (x *causes) unused(t *lookup.Candidate) lookup.Reason {
	snap := x.fib.Snapshot()
	for _, h := range hopsOf(snap, &t.Route) {
		l := snap.Link(h.Link)
		if t.Reason.Code == lookup.CodeLinkdown && l != nil && !l.Carrier() && snap.IgnoresLinkdown(x.family(), l.Name) {
			return lookup.Reason{Code: lookup.FaultIgnored, Have: l.Name}
		}
	}
	return t.Reason
}

type causes struct {
	*state
	t     *lookup.Trace
	d     *lookup.Decision
	errno route.Errno
}

func (x *causes) judge(c lookup.Code) Cause {
	switch c {
	case CauseThrow:
		out := x.whether(c, x.d.Disposition == lookup.DispositionNoRoute && x.thrower() != nil)
		out.Route = x.thrower()
		return out
	case CauseReversePath:
		return x.byFilter(c)
	case CauseForwarding:
		out := x.whether(c, x.d.Shortcut == lookup.ShortcutNoForwarding)
		out.Reason = x.fib.Unforwarded6(&x.flow, x.d) // which gives no error
		return out
	case CauseSource:
		return x.bySource(c)
	case CauseDevice:
		return x.byDevice(c)
	case CauseNeighbour:
		return x.byNeighbour(c)
	case CauseDeadEnd:
		return x.byDeadEnd(c)
	}
	return x.outside(c)
}

func (x *causes) whether(c lookup.Code, yes bool) Cause {
	if yes {
		return Cause{Code: c, State: CauseIs}
	}
	return Cause{Code: c, State: CauseNot}
}

// byRoute are the routes of a type that refuses packets: the one that decided, and those
// that cover the destination and did not decide. If there are none, it returns one cause
// without a route.
func (x *causes) byRoute(c lookup.Code, t route.Type, as lookup.Disposition) []Cause {
	var out []Cause
	if x.d.Disposition == as && x.d.HasRoute {
		out = append(out, Cause{Code: c, State: CauseIs, Route: &x.d.Route})
	}
	x.covering(func(r *route.Route) bool {
		if decides := len(out) > 0 && out[0].State == CauseIs && sameRoute(out[0].Route, r); r.Type == t && !decides {
			out = append(out, Cause{Code: c, State: CauseNot, Route: r})
		}
		return true
	})
	if len(out) == 0 {
		out = append(out, Cause{Code: c, State: CauseNot})
	}
	return out
}

// byRule are the rules with an action that refuses packets. If there are none, it
// returns one cause without a rule.
func (x *causes) byRule(c lookup.Code, a route.Action) []Cause {
	var out []Cause
	for i := range x.t.Rules {
		switch r := &x.t.Rules[i]; {
		case r.Rule.Action != a:
		case r.Rule == x.d.Rule && !x.d.HasRoute:
			out = append(out, Cause{Code: c, State: CauseIs, Rule: r.Rule})
		default:
			out = append(out, Cause{Code: c, State: CauseNot, Rule: r.Rule, Reason: r.Reason, Others: r.Others})
		}
	}
	if len(out) == 0 {
		out = append(out, Cause{Code: c, State: CauseNot})
	}
	return out
}

// thrower is a throw route that ended the search of a table; nil: there is none.
func (x *causes) thrower() *route.Route {
	for i := range x.t.Rules {
		for j := range x.t.Rules[i].Candidates {
			if c := &x.t.Rules[i].Candidates[j]; c.Verdict == lookup.VerdictThrows {
				return &c.Route
			}
		}
	}
	return nil
}

// byDevice is the cause about the device that the socket is bound to.
func (x *causes) byDevice(c lookup.Code) Cause {
	if again, other := x.fib.Binds(&x.flow, x.d); other && again.Errno == x.errno {
		return Cause{Code: c, State: CausePossible, Reason: lookup.Reason{Code: lookup.NoteBoundElse, Have: x.fib.Snapshot().LinkName(x.flow.Out)}}
	}
	if x.d.Shortcut == lookup.ShortcutDown || x.d.Shortcut == lookup.ShortcutNoIPv4 || x.d.Errno == route.ENODEV {
		return Cause{Code: c, State: CauseIs}
	}
	six := x.family() == route.IPv6 && x.d.Disposition == lookup.DispositionUnicast
	if x.flow.Out == 0 && (x.errno != route.ENETUNREACH || six) {
		return Cause{Code: c, State: CauseUnseen} // the program may name a device that is not there, or has no route
	}
	return Cause{Code: c, State: CauseNot}
}

// byNeighbour is the cause about a gateway, or the destination itself, that does not
// answer on the link. Of one with a permanent entry nobody asks whether it is there: what is
// sent to it is lost if it is not.
func (x *causes) byNeighbour(c lookup.Code) Cause {
	out := Cause{Code: c, State: CauseNot}
	for i := range x.t.Gateways {
		g := &x.t.Gateways[i]
		if !g.Addr.IsValid() || !x.fib.HasNeighbours(g.Link) || x.d.Disposition != lookup.DispositionUnicast {
			continue
		}
		state := CausePossible
		switch fixed := g.HasState && g.State&(route.NeighbourPermanent|route.NeighbourNoARP) != 0; {
		case x.errno == route.ETIMEDOUT && fixed:
		case x.errno == route.ETIMEDOUT: // programs get EHOSTUNREACH of it
			state = CauseNot
		case g.HasState && g.State&route.NeighbourFailed != 0:
			state = CauseIs
		case g.HasState && g.State.Valid():
			state = CauseNot
		}
		if out.Reason.Have == nil || state == CauseIs || state == CausePossible && out.State == CauseNot {
			out.State, out.Reason = state, lookup.Reason{Have: g.Addr, Want: x.fib.Snapshot().LinkName(g.Link)}
		}
	}
	return out
}
