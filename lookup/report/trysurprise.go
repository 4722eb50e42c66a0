package report

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// What of a command would surprise: [TryCommand.Surprises], except for default-route-gone,
// add-refused-delete-done and tunnel-may-carry-itself, which are [Try.Warnings].
const (
	RemarkBeside      lookup.Code = "replaced-nothing"        // Route: the one that stays, Want: the new metric
	RemarkRoutesGone  lookup.Code = "routes-gone"             // Have: how many routes went, Want: how many of them do not come back by themselves
	RemarkAddrsGone   lookup.Code = "addresses-gone"          // Addresses: those that went with the device; More: 1 where it is deleted, 2 by a setting, absent where it is down
	RemarkNoFamily    lookup.Code = "mtu-takes-family"        // Have: the device, Want: the family that it loses, Addresses: those that went with it
	RemarkSecondaries lookup.Code = "secondaries-gone"        // Addresses: those that went with the address that is deleted
	RemarkPromoted    lookup.Code = "secondary-promoted"      // Want: the address that becomes the first of its network
	RemarkSplit       lookup.Code = "local-and-main-split"    // IPv4's tables local and main are two from now on
	RemarkOwnGateway  lookup.Code = "own-gateway-accepted"    // Want: the gateway
	RemarkOneAddress  lookup.Code = "address-without-length"  // Want: the address
	RemarkForgotten   lookup.Code = "accepted-and-forgotten"  // Have: the word that is not kept, Want: the family that does not keep it
	RemarkNoCarrier   lookup.Code = "route-without-carrier"   // Have: the device
	RemarkPassedOver  lookup.Code = "route-passed-over"       // Have: the device
	RemarkSilent      lookup.Code = "silent-gateway"          // Want: the route's gateway, Have: its device
	RemarkStillThere  lookup.Code = "another-route-left"      // Route: the one that takes over
	RemarkSecondLink  lookup.Code = "network-on-second-link"  // Want: the network, Have: the device that has it too; More: 1 where the new one's route comes first
	RemarkPartly      lookup.Code = "refused-in-part"         // a part of what is refused is made all the same
	RemarkUnread      lookup.Code = "attribute-unread"        // Want: the attribute, Have: the device
	RemarkKind        lookup.Code = "kind-not-known"          // Want: the kind of the device that is made
	RemarkDefaultGone lookup.Code = "default-route-gone"      // Have: the family
	RemarkExpires     lookup.Code = "goes-after-its-lifetime" // Have: the lifetime in seconds, Want: the address, or Route: the route
	RemarkDeleteAlone lookup.Code = "add-refused-delete-done" // Want: the command that is refused, Have: the one that is done
	RemarkOwnTunnel   lookup.Code = "tunnel-may-carry-itself" // Have: the device, Want: the program that has it open, Sockets: those without a peer
	RemarkNoGateway   lookup.Code = "default-by-device"       // Route: the default route, which has no gateway, Have: the device, on which hosts have neighbours
	// RemarkCarriesItself is of an answer. Have: a TUN device, Want: the program that has it open, Sockets: the
	// other ends of its connections, Route: the one by which they go into the device.
	RemarkCarriesItself lookup.Code = "tunnel-carries-itself"
)

// settingsInPart reports whether sysctl writes some settings of a command, and others are
// refused.
func settingsInPart(s *command.Step) bool {
	return s.KernelSays != nil && s.KernelSays.Unknown == "" && slices.ContainsFunc(s.Outcomes, func(o change.Outcome) bool { return o.Refusal == nil }) &&
		slices.ContainsFunc(s.Changes, func(c change.Change) bool { _, is := c.(*change.Sysctl); return is })
}

// surprises are what of a command would surprise.
func (t *Trial) surprises(s *command.Step, n names) []Finding {
	var out []Finding
	if settingsInPart(s) {
		out = append(out, Finding{Reason: Reason{Code: RemarkPartly}})
	}
	for i, o := range s.Outcomes {
		if o.Refusal != nil {
			switch s.Changes[i].(type) {
			case *change.Route, *change.Link:
				if o.Partly {
					out = append(out, Finding{Reason: Reason{Code: RemarkPartly}})
				}
			}
			break
		}
		before := s.Before
		if i > 0 {
			before = s.Outcomes[i-1].State
		}
		switch c := s.Changes[i].(type) {
		case *change.NewLink:
			if kind := madeAs(c); !slices.ContainsFunc(t.Before.FIB().Snapshot().Links, func(l route.Link) bool { return l.Kind == kind }) {
				out = append(out, NewRemark(RemarkKind, kind, ""))
			}
		case *change.Route:
			if c.Verb == change.Delete {
				o.State = s.After // the command may delete more of them
			}
			out = append(out, routeSurprises(c, before, &o, n)...)
			out = append(out, silentGateways(c, &o, t.Run.After.FIB())...)
			if c.Verb != change.Delete && c.Expires > 0 {
				f := NewRemark(RemarkExpires, "", seconds(c.Expires))
				f.Route = n.route(full(c, &c.Route))
				out = append(out, f)
			}
		case *change.Rule:
			if before.FIB().Snapshot().Merged == route.Yes && o.State.FIB().Snapshot().Merged == route.No {
				out = append(out, Finding{Reason: Reason{Code: RemarkSplit}})
			}
		case *change.Addr:
			if c.Verb != change.Delete && c.Addr.Prefix.IsSingleIP() && !hasLength(s.Words) && !c.Addr.Peer.IsValid() {
				out = append(out, NewRemark(RemarkOneAddress, c.Addr.Prefix.String(), ""))
			}
			if c.Verb == change.Delete {
				out = append(out, secondaries(c, before, o.State)...)
			}
			if lives := lifetime(c); lives > 0 {
				out = append(out, NewRemark(RemarkExpires, c.Addr.Prefix.String(), seconds(lives)))
			}
			if c.Verb != change.Delete {
				out = append(out, secondLink(c, o.State.FIB(), n)...)
			}
		}
	}
	for i := range s.Unread {
		if u := &s.Unread[i]; u.Decides() && s.Accepted() {
			out = append(out, NewRemark(RemarkUnread, u.Name, n.dev(u.Link)))
		}
	}
	return append(append(out, advertisements(s, n)...), goneWith(s)...)
}

// madeAs is the kind that the kernel shows of a device that is made. TUN and TAP are one
// driver.
func madeAs(c *change.NewLink) string {
	if c.Kind == "tap" {
		return "tun"
	}
	return c.Kind
}

// secondLink tells of another device that has an address's network as well.
func secondLink(c *change.Addr, after *lookup.FIB, n names) []Finding {
	dst := c.Addr.Prefix.Masked()
	if dst.IsSingleIP() || c.Addr.Peer.IsValid() || dst.Addr().IsLinkLocalUnicast() {
		return nil
	}
	mine, other, first := false, 0, 0
	for _, r := range after.Edit().At(route.TableMain, dst) {
		if len(r.NextHops) != 1 || r.NextHops[0].Gateway.IsValid() {
			continue
		}
		link := r.NextHops[0].Link
		if first == 0 {
			first = link
		}
		if link == c.Addr.Link {
			mine = true
		} else if other == 0 {
			other = link
		}
	}
	if !mine || other == 0 {
		return nil
	}
	f := NewRemark(RemarkSecondLink, dst.String(), n.dev(other))
	if first == c.Addr.Link {
		f.More = 1
	}
	return []Finding{f}
}

// seconds is a lifetime in seconds.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// hasLength reports whether some word has a prefix's length.
func hasLength(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		p, err := netip.ParsePrefix(w)
		return err == nil && p.IsValid()
	})
}

// routeSurprises are those of a change of a route.
func routeSurprises(c *change.Route, before *change.State, o *change.Outcome, n names) []Finding {
	var out []Finding
	if c.Verb == change.Delete {
		return leftBehind(c, o, n)
	}
	if c.Verb == change.Replace && len(o.Removed) == 0 && len(o.Added) > 0 {
		for _, r := range before.FIB().Edit().At(table(c), c.Route.Dst.Masked()) {
			f := NewRemark(RemarkBeside, "", "")
			f.Want = operand(o.Added[0].Route.Metric)
			f.Route = n.route(full(c, r))
			out = append(out, f)
			break
		}
	}
	for _, a := range o.Added {
		for _, h := range a.Route.NextHops {
			if l := n.snap.Link(h.Link); l != nil && l.Up() && !l.Carrier() {
				code := RemarkNoCarrier
				if n.snap.IgnoresLinkdown(c.Family(), l.Name) {
					code = RemarkPassedOver
				}
				out = append(out, NewRemark(code, "", l.Name))
			}
			if h.Gateway.Is4() && slices.ContainsFunc(n.snap.Addrs, func(x route.Addr) bool { return x.Prefix.Addr() == h.Gateway }) {
				out = append(out, NewRemark(RemarkOwnGateway, h.Gateway.String(), ""))
			}
			if l := n.snap.Link(h.Link); l != nil && toNobody(o.State.FIB(), a.Route, &h, l) {
				f := NewRemark(RemarkNoGateway, "", l.Name)
				f.Route = n.route(full(c, a.Route))
				out = append(out, f)
			}
		}
	}
	is4 := c.Family() == route.IPv4
	realm := c.Verb != change.Delete && slices.ContainsFunc(c.Route.NextHops, func(h route.NextHop) bool { return h.Realm != 0 })
	for _, word := range []struct {
		there bool
		name  string
	}{{is4 && c.Expires != 0, "expires"}, {is4 && c.HasPref, "pref"}, {is4 && c.Route.Src.IsValid(), "from"}, {!is4 && realm, "realm"}} {
		if word.there {
			out = append(out, NewRemark(RemarkForgotten, c.Family().String(), word.name))
		}
	}
	return out
}

// toNobody reports whether a next hop of a default route has no gateway, though its device
// has neighbours, one of which must be the router.
func toNobody(fib *lookup.FIB, r *route.Route, h *route.NextHop, l *route.Link) bool {
	return r.IsDefault() && r.Type == route.TypeUnicast && !h.Gateway.IsValid() && h.Encap == 0 &&
		fib.HasNeighbours(l.Index) && l.Flags&route.LinkBroadcast != 0 && l.VRFTable == 0
}

// silentGateways tells of gateways of a change's routes that do not answer after all commands,
// where the routes are still there.
func silentGateways(c *change.Route, o *change.Outcome, after *lookup.FIB) []Finding {
	if c.Verb == change.Delete {
		return nil
	}
	var out []Finding
	snap, left := after.Snapshot(), after.Edit().At(table(c), c.Route.Dst.Masked())
	for _, a := range o.Added {
		for _, h := range a.Route.NextHops {
			if !h.Gateway.IsValid() || !snap.Link(h.Link).Carrier() {
				continue
			}
			same := func(x route.NextHop) bool { return x.Link == h.Link && x.Gateway == h.Gateway }
			stays := slices.ContainsFunc(left, func(r *route.Route) bool { return slices.ContainsFunc(r.NextHops, same) })
			if stays && slices.ContainsFunc(snap.Neighbours, func(x route.Neighbour) bool {
				return x.Link == h.Link && x.Addr == h.Gateway && x.State == route.NeighbourFailed
			}) {
				out = append(out, NewRemark(RemarkSilent, h.Gateway.String(), namesOf(after).dev(h.Link)))
			}
		}
	}
	return out
}

// leftBehind tells of the route that takes over where one of several is deleted.
func leftBehind(c *change.Route, o *change.Outcome, n names) []Finding {
	left := o.State.FIB().Edit().At(table(c), c.Route.Dst.Masked())
	if len(left) == 0 || len(o.Removed) == 0 {
		return nil
	}
	f := NewRemark(RemarkStillThere, "", "")
	f.Route = n.route(full(c, left[0]))
	return []Finding{f}
}

// goneWith tells of routes and addresses that go with something else.
func goneWith(s *command.Step) []Finding {
	var out []Finding
	direct := slices.ContainsFunc(s.Changes, func(c change.Change) bool {
		_, isRoute := c.(*change.Route)
		return isRoute
	})
	if direct {
		return nil
	}
	deleted := slices.ContainsFunc(s.Changes, func(c change.Change) bool {
		l, ok := c.(*change.Link)
		return ok && l.Verb == change.Delete
	})
	all, static := 0, 0
	come := map[routeKey]bool{}
	for _, r := range s.Added() {
		come[routeKeyOf(r)] = true
	}
	for _, r := range s.Removed() {
		if r.Table == route.TableLocal || come[routeKeyOf(r)] || r.Dst.Addr().IsMulticast() {
			continue
		}
		all++
		if r.Route.Protocol != route.ProtocolKernel {
			static++
		}
	}
	if static > 0 {
		if deleted {
			static = all // no device, no route that the kernel makes for it
		}
		out = append(out, Finding{Reason: Reason{Code: RemarkRoutesGone, Want: operand(static), Have: operand(all)}})
	}
	if small := tooSmall(s); len(small) > 0 {
		out = append(small, out...)
	} else if gone := addrsGone(s, 0); len(gone) > 0 {
		f := Finding{Reason: Reason{Code: RemarkAddrsGone}, Addresses: gone}
		switch _, setting := s.Changes[0].(*change.Sysctl); {
		case deleted:
			f.More = 1
		case setting:
			f.More = 2
		}
		out = append(out, f)
	}
	return out
}

// tooSmall tells of an MTU with which devices have a family no more: the device that it is
// given to, and those that take it over, such as its bridge.
func tooSmall(s *command.Step) (out []Finding) {
	if !slices.ContainsFunc(s.Changes, func(c change.Change) bool { l, ok := c.(*change.Link); return ok && l.MTU != nil }) {
		return nil
	}
	for _, before := range s.Before.FIB().Snapshot().Links {
		after := s.After.FIB().Snapshot().Link(before.Index)
		if after == nil || after.MTU == before.MTU || !before.HasIPv6() || after.HasIPv6() {
			continue
		}
		f := NewRemark(RemarkNoFamily, route.IPv6.String(), after.Name)
		f.Addresses = addrsGone(s, after.Index)
		out = append(out, f)
	}
	return out
}

// secondaries tells what becomes of the other addresses of a network whose first one is
// deleted.
func secondaries(c *change.Addr, before, after *change.State) []Finding {
	var out []Finding
	var gone []HostAddr
	now := after.FIB().Snapshot().Addrs
	for _, a := range before.FIB().Snapshot().Addrs {
		if a.Link != c.Addr.Link || a.Flags&route.AddrSecondary == 0 || !a.Prefix.Addr().Is4() {
			continue
		}
		at := slices.IndexFunc(now, func(x route.Addr) bool { return x.Link == a.Link && x.Prefix == a.Prefix && x.Peer == a.Peer })
		switch {
		case at < 0 && a.Prefix.Addr() != c.Addr.Prefix.Addr():
			gone = append(gone, HostAddr{a.Prefix})
		case at >= 0 && now[at].Flags&route.AddrSecondary == 0:
			out = append(out, NewRemark(RemarkPromoted, a.Prefix.String(), ""))
		}
	}
	if len(gone) > 0 {
		out = append(out, Finding{Reason: Reason{Code: RemarkSecondaries}, Addresses: gone})
	}
	return out
}

// routeKey is what a route is known by. One that went and came again, changed or not, has
// the same.
type routeKey struct {
	table  route.Table
	dst    netip.Prefix
	metric uint32
	tos    uint8
}

func routeKeyOf(r change.RouteRef) routeKey {
	return routeKey{r.Table, r.Dst, r.Route.Metric, r.Route.TOS}
}

// addrsGone are addresses of a device, or of all if it is zero, that went although the
// command names none.
func addrsGone(s *command.Step, link int) []HostAddr {
	after := s.After.FIB().Snapshot()
	before := s.Before.FIB().Snapshot()
	var out []HostAddr
	for _, c := range s.Changes {
		switch c.(type) {
		case *change.Link, *change.Sysctl:
		default:
			return nil
		}
	}
	for _, a := range before.Addrs {
		if link != 0 && a.Link != link {
			continue
		}
		there := slices.ContainsFunc(after.Addrs, func(x route.Addr) bool { return x.Link == a.Link && x.Prefix == a.Prefix })
		if !there && !a.Prefix.Addr().IsLinkLocalUnicast() && !a.Prefix.Addr().IsLoopback() {
			out = append(out, HostAddr{a.Prefix})
		}
	}
	return out
}

// warnings are what of all commands together would surprise.
func (t *Trial) warnings() {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		flow := route.Flow{Dst: before.ExternalAddr(f), Proto: route.ProtoUDP}
		was, is := before.Lookup(flow), after.Lookup(flow)
		if was.Disposition == lookup.DispositionUnicast && was.Default() && is.Errno != 0 {
			t.Report.Warnings = append(t.Report.Warnings, NewRemark(RemarkDefaultGone, "", f.String()))
		}
	}
	t.loops()
	refused := ""
	for i := range t.Run.Steps {
		s := &t.Run.Steps[i]
		switch {
		case !s.Accepted() && verbOf(s) == change.Add:
			refused = s.Text
		case s.Accepted() && verbOf(s) == change.Delete && refused != "" && len(s.Removed()) > 0:
			t.Report.Warnings = append(t.Report.Warnings, NewRemark(RemarkDeleteAlone, refused, s.Text))
			return
		}
	}
}

// verbOf is the verb of a command that changes a route.
func verbOf(s *command.Step) change.Verb {
	if len(s.Changes) == 1 {
		if r, ok := s.Changes[0].(*change.Route); ok {
			return r.Verb
		}
	}
	return change.Prepend
}
