package special

// All is the table: IPv4 and then IPv6, each in ascending order. A block comes
// before those inside it.
//
// Sections are cited only where they were seen: those of RFC 791, RFC 919, RFC
// 1112 and RFC 7050 in the registry, the others quoted from the documents.
func All() []Entry {
	var all []Entry
	for _, r := range append(rows4(), rows6()...) {
		all = append(all, r.entry())
	}
	return all
}

// row is a block as it stands in the table: texts, so that a look-up makes no more of
// them than it needs.
type row struct {
	prefix, name, phrase string
	// answers are letters, y, n or -, for source, destination, forward and global.
	answers string
	linux   string
	// documents are numbers of RFCs, and after each the section that is cited.
	documents string
}

func rows4() []row {
	return []row{
		{"0.0.0.0/8", "This network", `"this network", which no packet should go to`, "ynnn",
			"ordinary unicast since 5.3, except for 0.0.0.0 itself", "791 3.2, 1122 3.2.1.3 (b)"},
		{"0.0.0.0/32", "This host on this network", "no address yet: a source only, while a host learns its own", "ynnn",
			"a program that sends to it reaches 127.0.0.1", "1122 3.2.1.3 (a), 1812 4.2.3.1, 2131 4.1"},
		{"10.0.0.0/8", "Private-Use", "private: only routers of this site can lead there", "yyyn", "", "1918"},
		{"100.64.0.0/10", "Shared Address Space", "shared address space: only a provider's own network knows it", "yyyn", "", "6598"},
		{"127.0.0.0/8", "Loopback", "loopback: it never leaves a host", "nnnn",
			"route_localnet lets it in and out", "1122 3.2.1.3 (g)"},
		{"169.254.0.0/16", "Link Local", "link-local: no router forwards it", "yynn",
			"forwarded like any other, and not taken as on-link by itself", "3927 2.7"},
		{"172.16.0.0/12", "Private-Use", "private: only routers of this site can lead there", "yyyn", "", "1918"},
		{"192.0.0.0/24", "IETF Protocol Assignments", "reserved for protocols", "nnnn", "", "6890 2.1"},
		{"192.0.0.0/29", "IPv4 Service Continuity Prefix", "for IPv4 over IPv6 (DS-Lite, 464XLAT)", "yyyn", "", "7335"},
		{"192.0.0.8/32", "IPv4 dummy address", "a dummy source of ICMP errors", "ynnn", "", "7600"},
		{"192.0.0.9/32", "Port Control Protocol Anycast", "anycast of PCP servers", "yyyy", "", "7723"},
		{"192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "anycast of TURN servers", "yyyy", "", "8155"},
		{"192.0.0.170/32", "NAT64/DNS64 Discovery", "only a name server's answer, for finding NAT64", "nnnn", "", "8880, 7050 2.2"},
		{"192.0.0.171/32", "NAT64/DNS64 Discovery", "only a name server's answer, for finding NAT64", "nnnn", "", "8880, 7050 2.2"},
		{"192.0.2.0/24", "Documentation (TEST-NET-1)", "for documentation", "nnnn", "", "5737"},
		{"192.31.196.0/24", "AS112-v4", "anycast of AS112 name servers", "yyyy", "", "7535"},
		{"192.52.193.0/24", "AMT", "anycast of multicast tunnels (AMT)", "yyyy", "", "7450"},
		{"192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "the former 6to4 relays: nobody should answer", "----", "", "7526"},
		{"192.88.99.2/32", "6a44-relay anycast address", "anycast of 6a44 relays", "yyyn", "", "6751"},
		{"192.168.0.0/16", "Private-Use", "private: only routers of this site can lead there", "yyyn", "", "1918"},
		{"192.175.48.0/24", "Direct Delegation AS112 Service", "anycast of AS112 name servers", "yyyy", "", "7534"},
		{"198.18.0.0/15", "Benchmarking", "for benchmarks of devices", "yyyn", "", "2544"},
		{"198.51.100.0/24", "Documentation (TEST-NET-2)", "for documentation", "nnnn", "", "5737"},
		{"203.0.113.0/24", "Documentation (TEST-NET-3)", "for documentation", "nnnn", "", "5737"},
		{"224.0.0.0/4", "Multicast", "multicast", "-y--", "", "5771"},
		{"240.0.0.0/4", "Reserved", "reserved: other systems drop it", "nnnn", "ordinary unicast", "1112 4"},
		{"255.255.255.255/32", "Limited Broadcast", "limited broadcast: every neighbour, and no router forwards it", "nynn",
			"without a device named, it leaves by the default route's", "919 7, 8190"},
	}
}

func rows6() []row {
	return []row{
		{"::/128", "Unspecified Address", "no address: a source only, while a host has none", "ynnn",
			"a program that connects to it reaches ::1", "4291 2.5.2"},
		{"::1/128", "Loopback Address", "loopback: it never leaves a host", "nnnn", "", "4291 2.5.3"},
		{"64:ff9b::/96", "IPv4-IPv6 Translat.", "an IPv4 address, through a NAT64", "yyyy", "", "6052"},
		{"64:ff9b:1::/48", "IPv4-IPv6 Translat.", "an IPv4 address, through a NAT64 of this site", "yyyn", "", "8215"},
		{"100::/64", "Discard-Only Address Block", "discard-only: routers drop what goes there", "yyyn", "", "6666"},
		{"100:0:0:1::/64", "Dummy IPv6 Prefix", "a dummy, never a destination", "ynnn", "", "9780"},
		{"2001::/23", "IETF Protocol Assignments", "reserved for protocols", "nnnn", "", "2928"},
		{"2001::/32", "TEREDO", "Teredo: IPv6 in UDP through a NAT", "yyy-", "", "4380, 8190"},
		{"2001:1::1/128", "Port Control Protocol Anycast", "anycast of PCP servers", "yyyy", "", "7723"},
		{"2001:1::2/128", "Traversal Using Relays around NAT Anycast", "anycast of TURN servers", "yyyy", "", "8155"},
		{"2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "anycast of service registration", "yyyy", "", "9665"},
		{"2001:2::/48", "Benchmarking", "for benchmarks of devices", "yyyn", "", "5180"},
		{"2001:3::/32", "AMT", "anycast of multicast tunnels (AMT)", "yyyy", "", "7450"},
		{"2001:4:112::/48", "AS112-v6", "anycast of AS112 name servers", "yyyy", "", "7535"},
		{"2001:10::/28", "Deprecated (previously ORCHID)", "a former hash identifier (ORCHID), not routed", "----", "", "4843"},
		{"2001:20::/28", "ORCHIDv2", "a hash identifier (ORCHIDv2), not routed", "yyyy", "", "7343"},
		{"2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "a tag of a drone", "yyyy", "", "9374"},
		{"2001:db8::/32", "Documentation", "for documentation", "nnnn", "", "3849"},
		{"2002::/16", "6to4", "6to4: IPv6 in IPv4, whose public relays are gone", "yyy-", "", "3056, 7526"},
		{"2620:4f:8000::/48", "Direct Delegation AS112 Service", "anycast of AS112 name servers", "yyyy", "", "7534"},
		{"3fff::/20", "Documentation", "for documentation", "nnnn", "", "9637"},
		{"5f00::/16", "Segment Routing (SRv6) SIDs", "a segment of segment routing (SRv6)", "yyyn", "", "9602"},
		{"fc00::/7", "Unique-Local", "unique local: private to a site", "yyyn", "", "4193, 8190"},
		{"fe80::/10", "Link-Local Unicast", "link-local: it means nothing without its device", "yynn", "", "4291 2.5.6"},
		{"ff00::/8", "Multicast", "multicast", "-y--", "", "4291 2.7"},
	}
}
