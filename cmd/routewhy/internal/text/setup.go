package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// setupFinding says what is wrong in the setup of a way; empty: the finding is about
// something else.
func setupFinding(n *report.Finding) string {
	have, want := name(n.Have), name(n.Want)
	switch n.Code {
	case lookup.NoteGatewayOwn:
		if byLoopback(n) {
			return fmt.Sprintf("the gateway %s is this host's own address, on %s: nothing leaves", have, want)
		}
		return fmt.Sprintf("the gateway %s is this host's own address, on %s: packets reach a router only if another host answers for that address, or for the destination", have, want)
	case lookup.NoteGatewayLink:
		return fmt.Sprintf("the gateway %s is %s's own address and stands for none: this host asks for each destination itself by ARP", have, want)
	case lookup.NoteGatewayShared:
		return fmt.Sprintf("the gateway %s is this host's own address too, on %s; what is sent there goes to the neighbour of that address", have, want)
	case lookup.NoteNoPort:
		return fmt.Sprintf("%s is a bridge without a port: what this host sends there reaches nobody", have)
	case lookup.NoteDummy:
		return fmt.Sprintf("%s is a dummy device: what is sent there is dropped, unless a BPF program or tc takes it", have)
	case lookup.NoteIsPort:
		return fmt.Sprintf("%s is a port of %s, which takes all that comes in there: no answer reaches an address or a route of %[1]s itself; they belong on %[3]s", have, kindAnd(n, want), portOwner(want))
	case lookup.NoteNoGateway:
		by := "ARP"
		if !n.Route.Is4() {
			by = "neighbour discovery"
		}
		return fmt.Sprintf("%s has no gateway: on %s this host asks for each destination itself by %s, and only a router that answers for all of them (a proxy) makes that work",
			n.Route.Dst, have, by)
	case lookup.NoteExpiresSoon:
		text := fmt.Sprintf("%s expires in %s s", n.Route.Dst, have)
		if n.Route.Protocol == "ra" {
			text += " unless a router advertisement renews it"
		}
		return text
	case lookup.NoteDeprecated:
		return fmt.Sprintf("the source %s is deprecated (its preferred lifetime is over), and no other address fits", have)
	case lookup.NoteTwins:
		return fmt.Sprintf("%s is the network of %s and of %s: all that is sent there leaves by %[2]s, also the answers to what comes in by %[3]s", n.Route.Dst, have, want)
	case lookup.NoteCoversRouter:
		return fmt.Sprintf("%s covers %s's network %s, with its router, too: what only that router reaches in %[1]s is looked for on this device's own link", n.Route.Dst, want, have)
	case lookup.NoteNoFallback:
		return fmt.Sprintf("%s does not stand in: the kernel uses only the first of equal routes, whether its gateway answers or not", routeLine(n.Route))
	case lookup.NoteVRFUnasked:
		return fmt.Sprintf("%s is a VRF, but no rule leads to its table %s: its packets take the ordinary tables; `%s` brings its rule back", have, iproute2.Safe(n.Table), want)
	case lookup.NoteRuleHidden:
		return fmt.Sprintf("rule %d (%s: %s) is for this packet too, but is not reached: rule %s takes it first, because it takes every packet, and its table has a default route",
			n.Rule.Priority, n.Rule.Selector(), ruleTarget(n.Rule), have)
	}
	return outerFinding(n)
}

// outerFinding says what becomes of the packets in which a tunnel wraps what goes into it.
func outerFinding(n *report.Finding) string {
	have, want := name(n.Have), name(n.Want)
	switch n.Code {
	case lookup.NoteOuter:
		text := fmt.Sprintf("%s sends it on in packets of its own to %s: %s", have, want, routeInTable(n.Route))
		if n.Ask != nil && n.Ask.From.IsValid() {
			text += fmt.Sprintf(", from %s", n.Ask.From)
		}
		return text
	case lookup.NoteOuterLoop:
		return fmt.Sprintf("%s sends its packets to its other end %s, and %s leads these into %[1]s itself: nothing gets out", have, want, routeInTable(n.Route))
	case report.RemarkCarriesItself:
		return fmt.Sprintf("%s, which has %s open, sends its packets to %s, and %s leads these into %[2]s itself: nothing gets out, unless the program chooses another device (IP_UNICAST_IF); a route to %[5]s by a gateway outside of the tunnel mends that",
			want, have, and(n.Sockets), routeInTable(n.Route), ends(n.Sockets))
	case lookup.NoteOuterRefused:
		why := "no route leads there"
		switch {
		case n.Route != nil:
			why = routeInTable(n.Route) + " refuses these"
		case n.Rule != nil:
			why = fmt.Sprintf("rule %d refuses these", n.Rule.Priority)
		}
		return fmt.Sprintf("%s sends its packets to its other end %s, and %s: nothing gets out", have, want, why)
	case lookup.NoteOuterLo:
		if n.Route != nil {
			return fmt.Sprintf("%s sends its packets to its other end %s, and %s leads these out of lo: nothing gets out", have, want, routeInTable(n.Route))
		}
		return fmt.Sprintf("%s sends its packets to its other end %s out of lo, the device that it is bound to: nothing gets out", have, want)
	case lookup.NoteNoPeer:
		return fmt.Sprintf("%s has no peer for this destination (wg show %s allowed-ips): TCP gets EHOSTUNREACH and UDP ENOKEY, whatever the route", have, ShellWords([]string{have}))
	case lookup.NoteOuterSource:
		return fmt.Sprintf("%s sends its packets from %s, which is no address of this host: nothing gets out", have, want)
	}
	return ""
}

// ends are the addresses of the other ends of connections, each once.
func ends(all []string) string {
	var out []string
	for _, x := range all {
		if p, err := netip.ParseAddrPort(x); err == nil && !slices.Contains(out, p.Addr().String()) {
			out = append(out, p.Addr().String())
		}
	}
	return and(out)
}

// byLoopback reports whether a finding's route leads out of lo, so that nothing leaves.
func byLoopback(n *report.Finding) bool {
	return n.Route != nil && slices.ContainsFunc(n.Route.Hops(), func(h iproute2.NextHop) bool { return h.Dev == "lo" })
}

// kind is the kind of a finding's device: "bridge"; "device" if it is not known.
func kind(n *report.Finding) string { return iproute2.Safe(cmp.Or(n.Kind, "device")) }

// portOwner is the device that a port's address belongs on. Open vSwitch has one device for
// the ports of all its bridges.
func portOwner(master string) string {
	if master == "ovs-system" {
		return "the device of its bridge"
	}
	return master
}

// kindAnd names a device with its kind: "the bridge br0".
func kindAnd(n *report.Finding, dev string) string {
	if portOwner(dev) != dev {
		return "Open vSwitch (" + dev + ")"
	}
	return "the " + kind(n) + " " + dev
}

// misfit is the part of a first line about a fault that stops every packet; empty: no
// such fault is known.
func misfit(all []report.Finding) string {
	for i := range all {
		switch n := &all[i]; n.Code {
		case lookup.NoteGatewayOwn:
			if byLoopback(n) {
				continue // the way out is dead
			}
			return fmt.Sprintf(", but the gateway %s is this host's own address", n.Have)
		case lookup.NoteDummy:
			return fmt.Sprintf(", but %s is a dummy device", name(n.Have))
		case lookup.NoteVRFUnasked:
			return fmt.Sprintf(", because no rule leads to the table of the VRF %s", name(n.Have))
		case lookup.NoteOuterLoop:
			return fmt.Sprintf(", but %s's own packets go into %[1]s itself", name(n.Have))
		case report.RemarkCarriesItself:
			return fmt.Sprintf(", but %s's own packets may go into %[1]s itself", name(n.Have))
		case lookup.NoteOuterRefused, lookup.NoteOuterLo:
			return fmt.Sprintf(", but %s's own packets do not get out", name(n.Have))
		case lookup.NoteNoPeer:
			return fmt.Sprintf(", but no peer of %s takes it", name(n.Have))
		case lookup.NoteOuterSource:
			return fmt.Sprintf(", but %s's own end %s is no address of this host", name(n.Have), n.Want)
		case lookup.NotePrefsrcForeign:
			return ", which is no address of this host"
		case lookup.NotePolicy:
			if n.Policy != nil && n.Policy.Block {
				return ", but an IPsec policy blocks it"
			}
		case lookup.NoteIsPort:
			return fmt.Sprintf(", but %s is a port of %s", name(n.Have), name(n.Want))
		}
	}
	return ""
}
