package text

import (
	"cmp"
	"fmt"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// hint puts into words a finding that names what the user probably means; empty: the
// finding is about something else.
func (e told) hint(n *report.Finding, have string) string {
	want := name(n.Want)
	switch n.Code {
	case lookup.NoteSourceElsewhere:
		return fmt.Sprintf("the route has no src, so the device's first address is the source; %s, which is in the destination's network, would need `src %[1]s` on the route", have)
	case lookup.NoteSourceDeprecated:
		return fmt.Sprintf("%s, %s's address in the destination's network, is deprecated (its preferred lifetime is over), and so the source is another device's: the neighbour may have no way back", have, want)
	case lookup.NoteLengthLost:
		return fmt.Sprintf("%s has %s, which covers that one address alone; if its prefix length was lost, %s was meant",
			tableWords(n.Table), routeLine(n.Route), want)
	case lookup.NoteForwarded:
		if have == "" {
			have = "DEV"
		}
		return fmt.Sprintf("a packet that another host sent comes in by a device: routewhy %s --from %s --iif %s", e.label(), e.Looked().From, have)
	case lookup.NoteVRFAddress:
		return fmt.Sprintf("%s is this host's own address on %s, but inside the VRF %s, and this packet belongs to none: routewhy %[1]s --vrf %[3]s", e.label(), want, have)
	case lookup.NoteLocalLater:
		return fmt.Sprintf("%s is this host's own address, on %s, but rule %d comes before the rule that leads to table local: the packet leaves, and does not reach this host", e.Looked().Addr(), have, n.Rule.Priority)
	case lookup.NoteVRFRoute:
		return fmt.Sprintf("the VRF %s has %s in its %s: routewhy %s --vrf %[1]s", have, routeLine(n.Route), tableWords(n.Table), e.label())
	case lookup.NoteCircles:
		return fmt.Sprintf("what is forwarded to %s comes back in there and is forwarded again, until its TTL is used up: its sender gets \"Time to live exceeded\" from this host (ICMP)", have)
	case lookup.NoteGroupLoopback:
		return fmt.Sprintf("the kernel makes no route for IPv6 groups on %s; `ip -6 route add multicast ff00::/8 dev %[1]s table local` makes one", have)
	case lookup.NoteMulticastGateway:
		return fmt.Sprintf("the route has a gateway: the frame goes to the router's unicast MAC address (that of %s), and the group's members on the link do not get it, unless the socket is bound to an address or connected; a route without `via` sends it to the group", have)
	case lookup.NoteMarkIgnored:
		return fmt.Sprintf("rule %d looks at the mark, but the filter looks the way back up with mark 0, because src_valid_mark is off: `sysctl -w net.ipv4.conf.all.src_valid_mark=1` lets it use the packet's", n.Rule.Priority)
	case lookup.NoteMarkUsed:
		return fmt.Sprintf("the filter looks the way back up with the packet's mark, which rule %d asks for, because src_valid_mark is on", n.Rule.Priority)
	case lookup.NoteBoundElse:
		return fmt.Sprintf("this is for a packet that prefers %s (IPV6_PKTINFO, IPV6_UNICAST_IF); one of a socket that is bound to it (SO_BINDTODEVICE) uses routes by it alone, and %s", have, fateWords(n))
	case lookup.NoteMarkedElse:
		return markedElse(n)
	case lookup.NoteLocalnet:
		way := "leaves by"
		if e.Looked().Iif != "" {
			way = "may come in by"
		}
		return fmt.Sprintf("a packet with the loopback address %s %s %s only because route_localnet is on there", want, way, have)
	case lookup.NoteMacvlan:
		return macvlan(n, have)
	case lookup.NoteErrorLost:
		return fmt.Sprintf("no ICMP error gets to %s: %s", have, lostWords(n.Want.String()))
	}
	return e.surprise(n, have, want)
}

// networkGone says which route is missing, and how to add it.
func (e told) networkGone(n *report.Finding, dev string) string {
	addr, err := netip.ParsePrefix(n.Want.String())
	if err != nil {
		return ""
	}
	word := ShellWords([]string{dev})
	add := fmt.Sprintf("ip route add %s dev %s src %s", addr.Masked(), word, addr.Addr())
	if addr.Addr().Is6() {
		add = fmt.Sprintf("ip -6 route add %s dev %s", addr.Masked(), word)
	}
	return fmt.Sprintf("%s has %s, and %s is in that network, but no table has a route to it: `%s`", dev, addr, e.Looked().Addr(), add)
}

// surprise puts into words a note about addresses and devices; empty: the note is
// about something else.
func (e told) surprise(n *report.Finding, have, want string) string {
	switch n.Code {
	case lookup.NoteTentative:
		if n.Want.String() == "failed" {
			return fmt.Sprintf("%s is no source: another host on the link has it (duplicate address detection failed, dadfailed)", have)
		}
		return fmt.Sprintf("%s is no source yet: it is tentative, until duplicate address detection ends a second or two after it was added", have)
	case lookup.NoteNetworkAddress:
		return fmt.Sprintf("%s is the first address of %s, the network address, which no host should have: it is an old form of broadcast, and since 5.14 Linux treats it as any other address", e.Looked().Addr(), have)
	case lookup.NoteForwardingOff4:
		return fmt.Sprintf("%s = 0; `sysctl -w net.ipv4.ip_forward=1` lets this host forward what comes in on any device", setting(e.Query.Family(), have, "forwarding"))
	case lookup.NoteGroupRoute:
		how := "a program names the device (IP_MULTICAST_IF, SO_BINDTODEVICE), or a route does: `ip route add 224.0.0.0/4 dev DEV`"
		if !e.Looked().Addr().IsMulticast() {
			how = "a program names the device (SO_BINDTODEVICE) or binds to its address, or a route does: `ip route add 255.255.255.255 dev DEV`"
		}
		switch {
		case have == "" && !e.Looked().Addr().IsMulticast():
			return "a limited broadcast needs a route or a device too: " + how
		case have == "":
			return "a group needs a route or a device too: " + how
		}
		return fmt.Sprintf("only the default route chose %s: %s", have, how)
	case lookup.NoteHostAddress:
		return fmt.Sprintf("%s is an address without a network, so its neighbours have no route; was %s meant?", have, want)
	}
	return ""
}

// lostWords say why this host cannot send an error to the sender of a packet.
func lostWords(why string) string {
	switch why {
	case route.ENETUNREACH.String():
		return "this host has no route to it"
	case string(lookup.FaultDown):
		return "this host's way to it is by a device that is down"
	case string(lookup.FaultCarrier):
		return "this host's way to it is by a device without carrier"
	case string(lookup.FaultNeighbour):
		return "this host's way to it is by a gateway that does not answer"
	case string(lookup.FaultTarget):
		return "it does not answer (neighbour FAILED)"
	}
	return "this host's own packets to it are refused"
}

// macvlan says which hosts a device does not reach.
func macvlan(n *report.Finding, dev string) string {
	below := cmp.Or(name(n.Want), "the device below it")
	return fmt.Sprintf("%s is a %s: it reaches the other hosts on the link of %s, but not the host that has %[3]s itself, whose addresses do not answer here; that host needs a %[2]s of its own",
		dev, kind(n), below)
}
