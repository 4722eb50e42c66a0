package report

import (
	"slices"

	"routewhy/lookup"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the gravest first.
const (
	SeverityError   Severity = "error"   // packets are lost
	SeverityWarning Severity = "warning" // it surprises, or may lose packets later
	SeverityInfo    Severity = "info"    // it explains the answer
)

// Scope is what a finding is about.
type Scope string

// The scopes.
const (
	ScopePacket Scope = "packet" // the packet that was asked about
	ScopeEntry  Scope = "entry"  // an entry of a table, whatever the packet
	ScopeHost   Scope = "host"   // the host's set-up, whatever was asked
)

// Kind is what all findings of a code have in common.
type Kind struct {
	Code     lookup.Code `json:"code"`
	Title    string      `json:"title"`
	Severity Severity    `json:"severity"`
	Scope    Scope       `json:"scope"`
	// Explanation says what it means and what follows from it.
	Explanation string `json:"explanation"`
}

// KindOf is the kind of a code; false: it is no finding's.
func KindOf(c lookup.Code) (Kind, bool) {
	all := Kinds()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.Code == c })
	if i < 0 {
		return Kind{}, false
	}
	return all[i], true
}

// Kinds are all kinds of findings there are.
func Kinds() []Kind {
	return slices.Concat(packetKinds(), entryKinds(), hostKinds())
}

func packetKinds() []Kind {
	const e, w, i, s = SeverityError, SeverityWarning, SeverityInfo, ScopePacket
	return []Kind{
		{lookup.NoteLinkdownUsed, "A device without carrier is used", e, s, "The next hop's device has no carrier, and the kernel uses its routes all the same, because ignore_routes_with_linkdown is off. What is sent there is lost."},
		{lookup.NoteDefaultShadowed, "The default route is never used", i, s, "Two routes of length 1 cover every address, as VPNs put over the default route. No packet takes the default route itself."},
		{lookup.NoteTableSkipped, "A table that was not asked has a route", i, s, "A rule that does not match this packet leads to a table with a route for it. A packet that the rule matches takes that route."},
		{lookup.NoteHashFields, "A hash chooses the next hop", i, s, "The route has several next hops. A hash of some of the packet's fields chooses, and the setting fib_multipath_hash_policy says which fields."},
		{lookup.NotePrefsrcForeign, "The route's source is not this host's", w, s, "The route prescribes a source that no device of this host has. Answers do not come back here."},
		{lookup.NoteMergedTables, "main beats local", w, s, "While no policy rule was ever added or deleted, the kernel searches tables local and main as one. A longer prefix in main then goes before an address in local."},
		{lookup.NoteNeighbourShorter, "A failed gateway makes a shorter prefix win", w, s, "The gateway of the longer prefix does not answer. An IPv6 host that does not forward then passes over the route."},
		{lookup.NoteRedirected, "A router redirected the packet", i, s, "A gateway told this host by an ICMP redirect to use another one for this destination. The kernel obeys until it forgets."},
		{lookup.NoteStaleLeg, "A next hop that should not be used may be", w, s, "The next hop has no carrier, and still stands in the bounds by which the kernel's hash chooses, until the next link event."},
		{lookup.NoteUnknownAttr, "The route has attributes that are not known", w, s, "The kernel tells something of the route that this program does not know. It may change the answer."},
		{lookup.NoteEncap, "A tunnel wraps the packet", i, s, "The route has an encapsulation. What comes out of it may be routed again."},
		{lookup.NoteSocketElsewhere, "A connected socket takes another way", w, s, "A socket without a source looks up again with the source that the first look-up chose, and that look-up ends elsewhere."},
		{lookup.NoteBoundElse, "A socket that is bound to the device does otherwise", w, s, "A program that names a device and a source for one packet of IPv6 prefers routes by the device, and takes others too. A socket that is bound to the device with SO_BINDTODEVICE uses routes by it alone."},
		{lookup.NoteMarkedElse, "A chain's mark makes the answer another", w, s, "A chain of nftables may give the packet a mark before its route is settled: of type route on output, or on prerouting for what comes in. A packet with that mark goes elsewhere. What the chain asks of a packet is not read."},
		{lookup.NoteLookedUpTwice, "The second look-up ends elsewhere", i, s, "The look-up that chose the source of the connection ended elsewhere than the one with that source."},
		{lookup.NoteStaysOnLink, "IPv6 does not forward packets with such a source", e, s, "A route was found, and the packet is dropped after the look-up: a link-local source has no meaning on another link, and a packet without a source cannot be answered."},
		{lookup.NoteNotForwarded, "IPv6 does not forward the packet", e, s, "A route was found, and the packet is dropped after the look-up, because IPv6 forwarding is off."},
		{lookup.NoteForwardingOff4, "IPv4 does not forward the packet", e, s, "The packet came in for another host, and IPv4 forwarding is off on the device that received it."},
		{lookup.NoteMayRefuse, "The packet may be refused", w, s, "The kernel lets the source in only where no route of type local was ever added. One that was deleted does not show."},
		{lookup.NoteLoDown, "lo is down", e, s, "What is sent to an address of this host goes through lo, which is down."},
		{lookup.NoteLoNoIPv6, "IPv6 is switched off on lo", e, s, "What is sent to an IPv6 address of this host comes in by lo, or by the device of its VRF, where the setting disable_ipv6 drops it."},
		{lookup.NoteSeenOnMaster, "The receiving device is a port", e, s, "What comes in at a port of a bridge or a bond is received by IP on the bridge or the bond. Rules, routes and filters for the port see no packet, and a look-up for the port is one that no packet makes."},
		{lookup.NoteReceivesNothing, "The receiving device receives nothing", w, s, "The device by which the packet is to come in is down or has no carrier."},
		{lookup.NoteAnycastTCP, "TCP takes nothing at an anycast address", w, s, "IPv6 routers share the first address of each of their networks as an anycast address. The kernel drops TCP connections to it without an answer, while UDP and ICMPv6 work."},
		{lookup.NoteNoARP, "ARP is switched off", i, s, "The device does not ask for link-layer addresses, and neighbours without a permanent entry get nothing, unless a BPF program hands packets over."},
		{lookup.NoteUnheard, "Answers of neighbours are not delivered", w, s, "A rule or a route keeps from this host what neighbours answer when they are asked for their link-layer addresses (ICMPv6), or the device has no address from which it could ask. They cannot be reached."},
		{lookup.NoteNoZone, "A link-local address without a device", e, s, "A link-local destination has a meaning on one link alone. A socket must be told which."},
		{lookup.NoteOnLinkAssumed, "The destination is assumed on the link", w, s, "No route leads out of the device asked for. For a socket that is bound to a device, IPv4 then assumes the destination on its link."},
		{lookup.NotePairOfHosts, "A network of two hosts has no broadcast address", i, s, "The destination's network is a /31, both of whose addresses are hosts (RFC 3021)."},
		{lookup.NoteNoRuleLeads, "No rule leads to a table with a route", w, s, "A table has a route for the packet, and no rule leads to it. The route is never used."},
		{lookup.NoteToolUser, "ip -6 route get answers otherwise", i, s, "A received packet counts as root's. The tool asks about it without a user, and a rule asks about that."},
		{lookup.NoteToolVRF, "ip -6 route get answers otherwise", i, s, "A packet that a device of a VRF receives counts as received by the VRF, and one that has a meaning on one link is looked up in the VRF's table without the rules. The tool asks as if the device were in no VRF."},
		{lookup.NoteSysctlUnread, "Settings that matter were not read", w, s, "The answer takes the defaults of settings that could not be read."},
		{lookup.NoteVRFLeft, "The packet leaves its VRF", w, s, "The VRF's table has no route for the packet, not even one that refuses, and the rules after it were asked."},
		{lookup.NoteBroadcastKept, "A received broadcast is not sent on", i, s, "The broadcast would go on to its network if bc_forwarding were on, for all devices and for the one that received it."},
		{lookup.NoteBroadcastSentOn, "A received broadcast is sent on", i, s, "That holds for a frame to the device's own MAC address. One that comes in a broadcast frame is dropped while bc_forwarding is on."},
		{lookup.NotePolicy, "An IPsec policy takes the packet", i, s, "After the routing decision, a policy wraps the packet or blocks it."},
		{lookup.NoteNetworkDown, "The device with the destination's network is down", e, s, "The destination is in the network of an address of this host whose device is down, so that the network has no route."},
		{lookup.NoteNetworkGone, "The route of the destination's network is gone", e, s, "A device that is up has an address in the destination's network, and the network's route was deleted."},
		{lookup.NoteRuleImplied, "A deleted rule is still in force", i, s, "Until an IPv6 rule is added for the first time, the kernel looks in tables local and main and asks no rule, whatever was deleted."},
		{lookup.NoteTentative, "The address may not be a source yet", w, s, "Duplicate address detection has not let an IPv6 address through (RFC 4862)."},
		{lookup.NoteNetworkAddress, "The destination is a network's first address", w, s, "It names the network itself, and hosts do not answer to it."},
		{lookup.NoteGroupRoute, "A group goes by the default route, or has none", w, s, "No route is for multicast groups. A program that does not choose a device sends by the default route, or not at all."},
		{lookup.NoteHostAddress, "An address without its network", w, s, "An address of this host that was given without a prefix length is near the destination. With its network, the destination would be a neighbour."},
		{lookup.NoteSourceElsewhere, "Another address is in the destination's network", i, s, "The route names no source, and the one that is chosen is in another network than the destination."},
		{lookup.NoteSourceDeprecated, "The address in the destination's network is deprecated", w, s, "The source is an address of another device, because the one in the neighbour's own network should not be used any more. The neighbour may have no way back."},
		{lookup.NoteLengthLost, "A host route that looks like a network", w, s, "The route is for one address alone, which is the first of a network that has the destination: a prefix length was probably left out."},
		{lookup.NoteForwarded, "The packet comes in by a device", i, s, "The source is another host's. This host does not send such a packet, it receives it."},
		{lookup.NoteVRFAddress, "The address is inside a VRF", i, s, "The destination is this host's own address, and its device belongs to a VRF."},
		{lookup.NoteLocalLater, "A rule goes before table local", w, s, "The destination is this host's own address, and a rule takes its packets before table local is asked."},
		{lookup.NoteVRFRoute, "A VRF has a route for the packet", i, s, "The packet does not belong to the VRF whose table has a route for it."},
		{lookup.NoteVRFUnasked, "No rule leads to a VRF's table", e, s, "The l3mdev rule is gone: the tables of VRFs are not asked."},
		{lookup.NoteMacvlan, "A neighbour on a macvlan or ipvlan", w, s, "The device below and its macvlan or ipvlan do not reach each other."},
		{lookup.NoteCircles, "A packet is forwarded to lo", e, s, "What is forwarded to lo comes back in there and is forwarded again, until its TTL is used up."},
		{lookup.NoteGroupLoopback, "No route for groups on lo", i, s, "The kernel makes the IPv6 route for groups, ff00::/8, on all devices but lo."},
		{lookup.NoteMulticastGateway, "A group goes to one router", w, s, "The route that carries the group has a gateway, which alone gets the packet's frames."},
		{lookup.NoteMarkIgnored, "The way back is looked up without the mark", w, s, "The reverse-path filter looks the source up without the packet's mark, unless src_valid_mark is set."},
		{lookup.NoteMarkUsed, "The way back is looked up with the mark", i, s, "The setting src_valid_mark makes the reverse-path filter look the source up with the packet's mark, for which a rule asks."},
		{lookup.NoteLocalnet, "A loopback address outside of lo", i, s, "The setting route_localnet of the device lets the packet pass. Without it, the kernel refuses it."},
		{lookup.NoteErrorLost, "The ICMP error gets nowhere", w, s, "This host refuses the packet, and its error does not reach the sender."},
		{lookup.NoteErrorUnsure, "Whether the ICMP error gets anywhere is unknown", w, s, "This host refuses the packet, and where its error goes cannot be decided."},
		{lookup.NoteSpecialDst, "The destination is of a special block", i, s, "The destination is in a block of the IANA registries of special-purpose addresses."},
		{lookup.NoteSpecialSrc, "The source is of a special block", w, s, "The source is in a block that no router forwards."},
		{lookup.NoteRuleHidden, "A rule for this packet comes too late", w, s, "A rule is for this very packet, and an earlier one, for all packets, leads to a table with a default route."},
		{lookup.NoteOuter, "Where a tunnel's packets go", i, s, "A tunnel wraps the packet in one of its own, to its other end, for which the kernel looks up a route again. `ask` has that packet, with the source that it gets."},
		{lookup.NoteOuterLoop, "A tunnel's packets go into the tunnel itself", e, s, "The route to the other end of the tunnel leads into the tunnel. The kernel drops what would loop like that."},
		{lookup.NoteOuterLo, "A tunnel's packets go to lo", e, s, "The tunnel is bound to lo, or a route leads to its other end by lo: nothing gets out."},
		{lookup.NoteOuterRefused, "A tunnel's packets are refused", e, s, "A tunnel wraps the packet in one of its own, to its other end, and that one has no route, or is refused."},
		{lookup.NoteNoPeer, "No WireGuard peer takes the packet", e, s, "WireGuard sends a packet to the peer that has the destination in its allowed-ips, and refuses what no peer has, whatever the route."},
		{lookup.NoteOuterSource, "A tunnel's own end is no address of this host", e, s, "The source that the tunnel prescribes for its packets is no address of this host. The kernel sends none of them."},
		{lookup.NoteDeprecated, "The source is deprecated", w, s, "A new connection gets an IPv6 address that should not be used any more, because there is no other."},
		{WarnDead, "Nothing gets out", e, s, "The device of each next hop is down or has no carrier, or its gateway does not answer."},
		{WarnSilent, "The destination does not answer", e, s, "The destination is a neighbour, and its neighbour entry is FAILED. What is sent there is lost until it answers."},
		{WarnSomeOut, "Nothing gets out by some of the next hops", e, s, "A next hop's device is down or has no carrier, or its gateway does not answer. The flows that a hash gives to it are lost."},
		{RemarkMapped, "IPv4 written as IPv6", i, s, "A socket sends IPv4 to an address like ::ffff:192.0.2.1."},
		{RemarkPortlike, "An address that ends like a port", i, s, "An IPv6 address was written without brackets, and its end looks like a port."},
		{RemarkConnect, "The zero address stands for this host", i, s, "The kernel connects to the loopback address where a program says 0.0.0.0 or ::."},
		{RemarkSource, "UDP answers may have another source", w, s, "A UDP server that is bound to every address and does not use IP_PKTINFO leaves the source of its answers to the routing decision. A client that is connected to another address of this host drops such an answer."},
		{RemarkProcesses, "Names of processes are missing", i, s, "A privilege is needed to see which programs hold sockets open."},
	}
}

func entryKinds() []Kind {
	const i, e, w, s = SeverityInfo, SeverityError, SeverityWarning, ScopeEntry
	return []Kind{
		{lookup.NoteTied, "Equal default routes", w, s, "Default routes have the same metric. The kernel prefers a gateway that answers, and may alternate between look-ups."},
		{lookup.NoteDeviceDown, "A next hop's device is down", e, s, "Nothing goes out of the device."},
		{lookup.NoteGatewayFailed, "A next hop's gateway does not answer", e, s, "The gateway's neighbour entry is FAILED. What is sent there is lost until it answers."},
		{lookup.NoteZeroHostRoute, "A host route for the zero address", w, s, "A route to 0.0.0.0/32 or ::/128 is no default route, and never carries a packet."},
		{lookup.NoteGatewayOwn, "A gateway is this host's own address", e, s, "The packet does not leave: the gateway is an address of this host."},
		{lookup.NoteGatewayShared, "A gateway has an address of this host", e, s, "Another host has the gateway's address, and this host has it too."},
		{lookup.NoteGatewayLink, "A gateway is its device's own address", i, s, "Such a gateway stands for none: packets go straight to the link. Older programs write such routes."},
		{lookup.NoteNoPort, "A bridge has no port", e, s, "Nothing goes out of a bridge without a port."},
		{lookup.NoteDummy, "A dummy device drops the packet", w, s, "Nothing goes out of a dummy device."},
		{lookup.NoteNoGateway, "A default route without a gateway", w, s, "Every destination is taken for a neighbour, which works on point-to-point links alone."},
		{lookup.NoteExpiresSoon, "A router's default route runs out", w, s, "The default route that a router gave goes when its lifetime is over, unless a router advertisement renews it. Some routers give short lifetimes."},
		{lookup.NoteCoversRouter, "A network holds another device's router", w, s, "A route of one device covers another device's network, with the router in it. What only that router reaches is looked for on the wrong link."},
		{lookup.NoteNoFallback, "An equal route does not stand in", w, s, "The gateway of the first of equal routes is dead. The kernel does not change to the next one."},
		{lookup.NoteIsPort, "A device is a port", w, s, "A port of a bridge or a bond receives nothing itself: routes and addresses belong to the other device."},
		{lookup.NoteTwins, "A network is on two devices", w, s, "Two devices have the same network. Packets to it leave by one of them alone."},
	}
}

func hostKinds() []Kind {
	const e, w, i, s = SeverityError, SeverityWarning, SeverityInfo, ScopeHost
	return []Kind{
		{lookup.NoteChanging, "The tables were changing", w, s, "The tables changed while they were read. The answer may be of neither state."},
		{lookup.NoteDisabled, "IPv6 is switched off", w, s, "The setting disable_ipv6 keeps IPv6 off some or all devices."},
		{lookup.NoteClassless, "DHCP gave routes and no default", w, s, "Where a DHCP server sends routes (option 121), its Router option is ignored (RFC 3442)."},
		{lookup.NoteRouterIgnored, "Router advertisements give no default", w, s, "This host forwards, and accept_ra = 1 then ignores what routers advertise. accept_ra = 2 takes it."},
		{lookup.NoteRouterOff, "The kernel takes no router advertisements", w, s, "The setting accept_ra is 0, and no network manager made a default route of what routers advertise."},
		{lookup.NoteRouterNoDefault, "Router advertisements give no default", w, s, "The setting accept_ra_defrtr is 0: the kernel takes addresses from router advertisements, and no default route."},
		{lookup.NoteRouterOffUnheard, "The kernel would take no router advertisements", i, s, "The setting accept_ra is 0. Nothing shows whether there is a router; many such hosts have a static default route."},
		{lookup.NoteRouterIgnoredUnheard, "A router's default route would be ignored", i, s, "This host forwards, and accept_ra = 1 then ignores what routers advertise. Nothing shows whether there is a router."},
		{lookup.NoteRouterNoDefaultUnheard, "A router's default route would not be taken", i, s, "The setting accept_ra_defrtr is 0. Nothing shows whether there is a router."},
		{lookup.NoteRouterShort, "Routers with a short lifetime give no default", w, s, "The setting accept_ra_min_lft is not 0: the kernel takes no default route from a router whose lifetime is shorter."},
		{lookup.NoteRouterGone, "A router gives no default route any more", w, s, "The router's lifetime is 0 or is over, or the route was deleted. What else it gave is still there."},
		{lookup.NoteRouterSilent, "No router was heard", w, s, "The kernel would take a default route from a router advertisement, and nothing shows that one ever came."},
		{lookup.NoteSmallMTU, "A device's MTU is too small for IPv6", w, s, "A device whose MTU is below 1280 has no IPv6, and so no default route (RFC 8200 section 5)."},
		{lookup.NoteNoLinkLocal, "A device has no link-local address", w, s, "Without a link-local address a host hears no router."},
		{lookup.NoteDownNoDefault, "A device is down and gives no default route", w, s, "Routes by a device that goes down are lost. Static ones do not come back by themselves."},
		{lookup.NoteNoCarrierNoDefault, "A device has no carrier and gives no default route", w, s, "Neither DHCP nor a router can give a default route there."},
		{lookup.NoteNoRouter, "DHCP gave an address and no default route", w, s, "The server names no router (option 3), or a network manager was told to take none."},
		{lookup.NoteZeroconf, "A device has no address but one of its own choice", w, s, "A host gives itself an address where no DHCP server answers (RFC 3927). No router forwards it."},
		{lookup.NoteWentDown, "A device went down and lost its routes", w, s, "A device that goes down loses its routes. A static route does not come back by itself."},
		{lookup.NoteNoAddress, "No IPv4 address", w, s, "No device has an IPv4 address except 127.0.0.1: no DHCP server answered, or nobody configured one."},
		{lookup.NoteLinkLocalOnly, "No IPv6 address but link-local ones", w, s, "Link-local addresses reach neighbours alone."},
		{lookup.NoteNoneMade, "There are no routes but the kernel's own", w, s, "Table main has only the networks of the devices' addresses: other routes were never made, or were lost with a device."},
		{RemarkSelected, "Packets that were not compared may be decided differently", i, s, "Hosts are compared by packets without a source, a mark and the like. A rule that differs, or leads to what differs, selects others."},
		{RemarkFirewall, "The firewall is not consulted", i, s, "Who reaches a socket is told by the routing decisions alone. A firewall may drop what is said to arrive."},
		{RemarkSockets, "Sockets are missing", w, s, "The sockets of this host, or some of them, could not be read."},
		{RemarkMarks, "Marks of sockets are missing", w, s, "Only root sees the marks of sockets, and a rule asks for marks: what is said of the answers of a socket that has one may be wrong."},
		{RemarkPrivate, "Other networks reach a private address", i, s, "The addresses are private (RFC 1918, RFC 4193) or shared (RFC 6598). Other networks reach them where they have a route there."},
		{RemarkLeftOut, "One route stands for many", i, s, "The tables have too many routes by gateways to tell the clients of each apart. Of those that are alike, one was asked about."},
		{RemarkForeignLeftOut, "Neighbours by other devices are left out", i, s, "This host has so many devices that the neighbours by one are not told as clients by the others. Their packets come in by their own device as a rule."},
		{RemarkPolicies, "IPsec policies are not consulted", i, s, "This host has IPsec policies. They may drop packets to the sockets, and the answers."},
		{RemarkUplinksNoARP, "Neighbours and this host do not find each other", w, s, "ARP is switched off on the devices. Neighbours without permanent entries do not connect, unless a BPF program hands packets over."},
		{RemarkUplinksDead, "Devices without carrier receive nothing", w, s, "The devices have addresses and are up, but have no carrier. Nothing comes in by them now."},
		{RemarkUplinksDown, "Devices that are down receive nothing", w, s, "The devices have addresses and are down. Nothing comes in by them now."},
		{RemarkBeside, "A replace that replaces nothing", w, s, "A route is replaced where prefix, TOS and metric are the same. With another metric, a second one is added."},
		{RemarkRoutesGone, "Routes go with a device or an address", w, s, "The kernel deletes the routes of a device that goes down, and those of an address that is deleted. Only those that it makes itself come back."},
		{RemarkAddrsGone, "IPv6 addresses go with a device", w, s, "A device that goes down loses its global IPv6 addresses, unless keep_addr_on_down is on."},
		{RemarkNoFamily, "The MTU is too small for IPv6", w, s, "A device whose MTU is below 1280 has no IPv6: its addresses and its routes go, and come back with no MTU."},
		{RemarkSecondaries, "Addresses go with the first of their network", w, s, "With the first address of a network the others of that network are deleted too, unless promote_secondaries is on."},
		{RemarkPromoted, "Another address becomes the first of its network", i, s, "With promote_secondaries, the next address of the network takes the place of the first that is deleted."},
		{RemarkNotRenewed, "Router advertisements renew the default route no more", w, s, "The route comes from router advertisements, which the device does not take any more. It stays until its lifetime ends, and is gone then."},
		{RemarkAdvertisement, "The next router advertisement decides", i, s, "What the kernel makes of router advertisements changes. What a router there advertises is not known, and so neither is the default route that comes of it."},
		{RemarkUnread, "An attribute is not looked at", w, s, "Packets may get through the device or not by this attribute. Here it is neither read nor tried: what it does is not known."},
		{RemarkKind, "The kernel may lack this kind of device", w, s, "A kernel may be built without a driver for it, or lack its module, and refuses the command then. This host has no device of that kind, and so it is not known whether its kernel can make one."},
		{RemarkPartly, "A part of what is refused is made", w, s, "The kernel makes the parts of a request for a device one after the other, and the next hops of an IPv6 route too, and sysctl writes one setting after the other. What was made beside the part that is refused stays."},
		{RemarkSplit, "Tables local and main are parted", i, s, "IPv4's tables local and main share one structure until the first change of a rule, and never again after it."},
		{RemarkOwnGateway, "The gateway is this host's own address", w, s, "IPv4 accepts a gateway that is an address of this host. Packets then go to no router: each destination is taken for a neighbour."},
		{RemarkOneAddress, "An address without a length", w, s, "ip takes an address without a length for a single address, /32 or /128. It gets no route to its network."},
		{RemarkForgotten, "The kernel forgets a part of the command", w, s, "Some attributes mean something for the routes of one family alone. The other one accepts them and does not keep them."},
		{RemarkNoCarrier, "The route's device has no carrier", w, s, "The route is accepted, and used, though its device has no carrier. What is sent there is lost."},
		{RemarkPassedOver, "The route is not used without a carrier", w, s, "The route is accepted, and not used while its device has no carrier, because ignore_routes_with_linkdown is on."},
		{RemarkNoGateway, "The default route has no gateway", w, s, "The host then asks for each destination itself on the device, by ARP or neighbour discovery. Only a router that answers for all of them (a proxy) makes that work. The command lacks the word via, perhaps."},
		{RemarkSilent, "The route's gateway does not answer", w, s, "The neighbour table says FAILED of it. The kernel asks again with the next packet; until it answers, programs get EHOSTUNREACH."},
		{RemarkStillThere, "Another route to the same prefix stays", w, s, "Several routes have the prefix. The first that fits is deleted, and the next takes over."},
		{RemarkSecondLink, "Two devices have the network", w, s, "Both devices have an address of the network. Packets to it leave by the one whose route comes first, and by that alone."},
		{RemarkDefaultGone, "No default route is left", e, s, "Packets to other networks get nowhere afterwards."},
		{RemarkExpires, "It goes when its lifetime ends", w, s, "The command gives an address or an IPv6 route a lifetime. When that ends the kernel deletes it, unless something renews it."},
		{RemarkDeleteAlone, "A route is deleted, and the new one is refused", e, s, "A shell goes on after a command that is refused, so that what comes after it is done alone."},
		{RemarkReceived, "Received packets are not compared", i, s, "The command changes a setting that decides which packets are let in, or sent on to other hosts. Only what this host sends is compared, and the setting does not decide about that."},
		{RemarkCarriesItself, "A tunnel may carry its own packets", w, s, "The program that has the tunnel's device open sends its packets to the tunnel's other end, and a route leads these into the device: they come back to the program, and nothing gets out. A program may choose another device by IP_UNICAST_IF, which cannot be seen. Told where the program has only connections to other hosts, none of which leaves elsewhere, and no rule looks at the type of service. A route to the other end by a gateway outside of the tunnel mends that."},
		{RemarkOwnTunnel, "A tunnel may carry its own packets", w, s, "The program that has the tunnel's device open also has a UDP socket that is connected to no peer. What it sends to other networks by that goes into the tunnel afterwards, and comes back to the program: if the tunnel's other end is there, the tunnel stops. A route to the other end by the present gateway prevents that."},
		{RemarkLocalnet, "Other hosts reach 127.0.0.0/8", w, s, "The setting route_localnet of a device lets packets to loopback addresses in."},
	}
}
