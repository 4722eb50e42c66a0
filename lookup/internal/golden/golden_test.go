package golden

import (
	"strings"
	"testing"
)

// cases are the rules of the specification, each by its section. The lines of
// setup are those of apply, on top of lab.
var cases = []struct {
	name, setup, query, want string
}{
	// 1.1 IPv4 output
	{"1.1/1 multicast source", "", "8.8.8.8 from 224.0.0.5", "EINVAL"},
	{"1.1/1 limited broadcast source", "", "8.8.8.8 from 255.255.255.255", "EINVAL"},
	{"1.1/2 source picks the device", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "255.255.255.255 from 10.0.1.1", "broadcast 0 dev w0"},
	{"1.1/2 multicast source picks the device", "", "239.1.1.1 from 10.0.1.1", "multicast 0 dev w0"},
	{"1.1/2 source not owned", "", "239.1.1.1 from 192.0.2.1", "ENETUNREACH"},
	{"1.1/2 source owned twice", "addr 10.0.1.1/32 dev v0", "239.1.1.1 from 10.0.1.1", "multicast 0 dev w0 | dev v0"},
	{"1.1/2 source of the loopback subnet", "", "239.1.1.1 from 127.0.0.77", "multicast 0 dev lo"},
	{"1.1/3 source not local", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8 from 192.0.2.1", "ENETUNREACH"},
	{"1.1/3 broadcast is not local", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8 from 10.0.0.255", "ENETUNREACH"},
	{"1.1/3 source on another device", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8 from 10.0.1.1", "unicast 254 via 10.0.0.2 dev v0"},
	{"1.1/3 source on a device that is down", "route 0.0.0.0/0 via 10.0.0.2 dev v0; link w0 down", "8.8.8.8 from 10.0.1.1", "unicast 254 via 10.0.0.2 dev v0"},
	{"1.1/3 loopback subnet is local", "", "127.0.0.1 from 127.0.0.77", "local 255 dev lo"},
	{"1.1/4 unknown device", "", "8.8.8.8 oif 77", "ENODEV"},
	{"1.1/4 device down", "link w0 down", "10.0.1.9 oif w0", "ENETUNREACH"},
	{"1.1/4 device without IPv4", "link w0 mtu 60", "10.0.1.9 oif w0", "ENETUNREACH"},
	{"1.1/4 local multicast", "", "224.0.0.9 oif w0", "multicast 0 dev w0 src 10.0.1.1"},
	{"1.1/4 limited broadcast", "", "255.255.255.255 oif w0", "broadcast 0 dev w0 src 10.0.1.1"},
	{"1.1/4 local multicast takes a link-scope source", "deladdrs w0; addr 10.0.4.1/32 dev w0 scope link", "224.0.0.9 oif w0", "multicast 0 dev w0 src 10.0.4.1"},
	{"1.1/4 other multicast is looked up", "multicast 239.0.0.0/8 dev w0", "239.1.1.1 oif w0", "multicast 254 dev w0 src 10.0.1.1"},
	{"1.1/4 other multicast, on-link", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "239.1.1.1 oif w0", "multicast 0 dev w0 src 10.0.1.1"},
	{"1.1/5 zero", "route 0.0.0.0/0 via 10.0.0.2 dev v0; unreachable 0.0.0.0/32", "0.0.0.0", "local 0 dev lo src 127.0.0.1"},
	{"1.1/5 zero from", "", "0.0.0.0 from 10.0.1.1", "local 0 dev lo"},
	{"1.1/5 zero oif", "", "0.0.0.0 oif w0", "local 0 dev lo src 10.0.1.1"},
	{"1.1/5 zero oif without address", "", "0.0.0.0 oif v0p", "local 0 dev lo src 127.0.0.1"},
	{"1.1/6 no route", "", "8.8.8.8", "ENETUNREACH"},
	{"1.1/6 no route, oif", "", "8.8.8.8 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"1.1/6 prohibit, oif", "prohibit 203.0.113.0/24", "203.0.113.9 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"1.1/6 prohibit rule, oif", "rule 100 prohibit", "203.0.113.9 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"1.1/6 another device's address, oif", "", "10.0.1.1 oif v0", "unicast 0 dev v0 src 10.0.0.1"},
	{"1.1/6 another device's broadcast, oif", "", "10.0.1.255 oif v0", "unicast 0 dev v0 src 10.0.0.1"},
	{"1.1/7 own address", "", "10.0.0.1", "local 255 dev lo src 10.0.0.1"},
	{"1.1/7 own address, its device", "", "10.0.0.1 oif v0", "local 255 dev lo src 10.0.0.1"},
	{"1.1/7 loopback subnet", "", "127.1.2.3", "local 255 dev lo src 127.0.0.1"},
	{"1.1/7 local prefix without source", "local 192.0.2.0/24 dev lo scope host", "192.0.2.7", "local 254 dev lo src 192.0.2.7"},
	{"1.1/9 loopback source leaves", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8 from 127.0.0.1", "EINVAL"},
	{"1.1/9 loopback source, route_localnet", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/v0/route_localnet 1", "8.8.8.8 from 127.0.0.1", "unicast 254 via 10.0.0.2 dev v0"},
	{"1.1/9 limited broadcast drops the gateway", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "255.255.255.255", "broadcast 254 dev v0 src 10.0.0.1"},
	{"1.1/9 multicast drops a short prefix's gateway", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "239.1.1.1", "multicast 254 dev v0 src 10.0.0.1"},
	{"1.1/9 multicast keeps a long prefix's gateway", "route 224.0.0.0/4 via 10.0.0.2 dev v0", "239.1.1.1", "multicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"1.1 rest of 0/8", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "0.0.0.5", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"1.1 subnet broadcast", "", "10.0.0.255", "broadcast 255 dev v0 src 10.0.0.1"},
	{"1.1 network address", "", "10.0.0.0", "unicast 254 dev v0 src 10.0.0.1"},
	{"1.1 240/4", "route 0.0.0.0/0 via 10.0.0.2 dev v0", "240.0.0.1", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},

	// 1.2 IPv4 input
	{"1.2 unknown device", "", "10.0.1.1 from 10.0.1.9 iif 77", "ENODEV"},
	{"1.2/1 multicast not joined", "", "239.1.1.1 from 10.0.1.9 iif w0", "EINVAL ?"},
	{"1.2/1 all hosts", "", "224.0.0.1 from 10.0.1.9 iif w0", "multicast 0 dev lo"},
	{"1.2/2 multicast source", "", "10.0.1.1 from 224.0.0.9 iif w0", "EINVAL"},
	{"1.2/3 limited broadcast", "", "255.255.255.255 from 10.0.1.9 iif w0", "broadcast 0 dev lo"},
	{"1.2/3 both zero", "", "0.0.0.0 iif w0", "broadcast 0 dev lo"},
	{"1.2/4 no source", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 iif w0", "EINVAL"},
	{"1.2/5 zero destination", "", "0.0.0.0 from 10.0.1.9 iif w0", "EINVAL"},
	{"1.2/6 loopback destination", "", "127.0.0.1 from 10.0.1.9 iif w0", "EINVAL"},
	{"1.2/6 loopback destination, route_localnet", "sysctl net/ipv4/conf/all/route_localnet 1", "127.0.0.1 from 10.0.1.9 iif w0", "local 255 dev lo"},
	{"1.2/6 loopback source", "", "10.0.1.1 from 127.0.0.5 iif w0", "EINVAL"},
	{"1.2/8 no route, forwarding off", "", "8.8.8.8 from 10.0.1.9 iif w0", "EHOSTUNREACH"},
	{"1.2/8 prohibit, forwarding off", "prohibit 8.0.0.0/8", "8.8.8.8 from 10.0.1.9 iif w0", "EHOSTUNREACH"},
	{"1.2/8 no route, forwarding", "sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "ENETUNREACH"},
	{"1.2/8 prohibit, forwarding", "prohibit 8.0.0.0/8; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "EACCES"},
	{"1.2/9 subnet broadcast", "", "10.0.1.255 from 10.0.1.9 iif w0", "broadcast 255 dev lo"},
	{"1.2/9 broadcast of another device's network", "", "10.0.0.255 from 10.0.1.9 iif w0", "broadcast 255 dev lo"},
	{"1.2/9 bc_forwarding", "sysctl net/ipv4/conf/all/bc_forwarding 1; sysctl net/ipv4/conf/w0/bc_forwarding 1", "10.0.0.255 from 10.0.1.9 iif w0", "broadcast 255 dev v0"},
	{"1.2/9 bc_forwarding of all alone", "sysctl net/ipv4/conf/all/bc_forwarding 1", "10.0.0.255 from 10.0.1.9 iif w0", "broadcast 255 dev lo"},
	{"1.2/9 bc_forwarding of the device alone", "sysctl net/ipv4/conf/w0/bc_forwarding 1", "10.0.0.255 from 10.0.1.9 iif w0", "broadcast 255 dev lo"},
	{"1.2/10 local", "", "10.0.1.1 from 10.0.1.9 iif w0", "local 255 dev lo"},
	{"1.2/10 local, another device's address", "", "10.0.0.1 from 10.0.1.9 iif w0", "local 255 dev lo"},
	{"1.2/11 only the device's forwarding counts", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/all/forwarding 1; sysctl net/ipv4/conf/v0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "EHOSTUNREACH"},
	{"1.2/12 anycast", "anycast 192.0.2.1/32 dev v0; sysctl net/ipv4/conf/w0/forwarding 1", "192.0.2.1 from 10.0.1.9 iif w0", "EINVAL"},
	{"1.2/13 forward", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "unicast 254 via 10.0.0.2 dev v0"},
	{"0.1 output device ignored on input", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0 oif w0", "unicast 254 via 10.0.0.2 dev v0"},

	// 1.3 reverse path
	{"1.3 own source", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.0.1 iif w0", "EINVAL"},
	{"1.3 own source, accept_local", "route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1; sysctl net/ipv4/conf/w0/accept_local 1", "8.8.8.8 from 10.0.0.1 iif w0", "unicast 254 via 10.0.0.2 dev v0"},
	{"1.3 broadcast source, default rules", "", "10.0.1.1 from 10.0.1.255 iif w0", "local 255 dev lo ?"},
	{"1.3 broadcast source, rules were changed", "split", "10.0.1.1 from 10.0.1.255 iif w0", "EINVAL"},
	{"1.3 broadcast source, custom local route", "local 192.0.2.0/24 dev lo scope host", "10.0.1.1 from 10.0.1.255 iif w0", "EINVAL"},
	{"1.3 broadcast source, realms", "route 192.0.2.0/24 dev v0 realm 5", "10.0.1.1 from 10.0.1.255 iif w0", "EINVAL"},
	{"1.3 strict, right device", "sysctl net/ipv4/conf/w0/rp_filter 1", "10.0.1.1 from 10.0.1.9 iif w0", "local 255 dev lo"},
	{"1.3 strict, wrong device", "sysctl net/ipv4/conf/all/rp_filter 1", "10.0.1.1 from 10.0.0.9 iif w0", "EINVAL"},
	{"1.3 loose, wrong device", "sysctl net/ipv4/conf/all/rp_filter 2; sysctl net/ipv4/conf/w0/rp_filter 1", "10.0.1.1 from 10.0.0.9 iif w0", "local 255 dev lo"},
	{"1.3 loose, no route back", "sysctl net/ipv4/conf/w0/rp_filter 2", "10.0.1.1 from 9.9.9.9 iif w0", "EINVAL"},
	{"1.3 loose, blackhole back", "blackhole 9.0.0.0/8; sysctl net/ipv4/conf/w0/rp_filter 2", "10.0.1.1 from 9.9.9.9 iif w0", "EINVAL"},
	{"1.3 off, no route back", "", "10.0.1.1 from 9.9.9.9 iif w0", "local 255 dev lo"},
	{"1.3 off, split, wrong device", "split", "10.0.1.1 from 10.0.0.9 iif w0", "local 255 dev lo"},
	{"1.3 any member on the device", "route 0.0.0.0/0 via 10.0.0.2 dev v0 via 10.0.1.2 dev w0; sysctl net/ipv4/conf/w0/rp_filter 1", "10.0.1.1 from 9.9.9.9 iif w0", "local 255 dev lo"},
	{"1.3 strict, device without address", "sysctl net/ipv4/conf/w0p/rp_filter 2", "10.0.1.1 from 10.0.0.9 iif w0p", "EINVAL"},
	{"1.3 reverse sees output device as iif", "rule 100 iif v0 prohibit; route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1; sysctl net/ipv4/conf/w0/rp_filter 2", "8.8.8.8 from 10.0.1.9 iif w0", "EINVAL"},
	{"1.3 reverse has no mark", "rule 100 fwmark 5/255 lookup 100; route 9.0.0.0/8 dev w0 table 100; route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/rp_filter 1", "10.0.1.1 from 9.9.9.9 iif w0 mark 5", "EINVAL"},
	{"1.3 reverse has the mark, src_valid_mark", "rule 100 fwmark 5/255 lookup 100; route 9.0.0.0/8 dev w0 table 100; route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/rp_filter 1; sysctl net/ipv4/conf/w0/src_valid_mark 1", "10.0.1.1 from 9.9.9.9 iif w0 mark 5", "local 255 dev lo"},
	{"1.3 out the same device, redirects sent", "route 9.0.0.0/8 via 10.0.1.2 dev w0; route 0.0.0.0/0 via 10.0.0.2 dev v0; sysctl net/ipv4/conf/w0/forwarding 1; sysctl net/ipv4/conf/w0/send_redirects 1", "9.9.9.9 from 10.0.1.255 iif w0", "EINVAL"},
	{"1.3 strict, before Linux 6.13", "release 6.1.0-56-amd64; sysctl net/ipv4/conf/all/rp_filter 1", "10.0.1.1 from 10.0.0.9 iif w0", "EXDEV"},
	{"1.3 setting not read", "unset net/ipv4/conf/w0/rp_filter", "10.0.1.1 from 10.0.1.9 iif w0", "local 255 dev lo ?"},

	// 1.4 IPv6
	{"1.4 zero is an ordinary destination", "route ::/0 via 2001:db8:1::2 dev v0", ":: ", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"1.4 zero host route", "route ::/0 via 2001:db8:1::2 dev v0; route ::/128 via 2001:db8:2::2 dev w0", "::", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"1.4 source is not checked", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 from 2001:db8:77::7", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"1.4 unknown output device", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif 77", "ENETUNREACH"},
	{"1.4 unknown input device", "", "2001:db8:9::1 from 2001:db8:1::9 iif 77", "ENODEV"},
	{"1.4 strict: shorter prefix", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:2::77 oif v0", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"1.4 strict: no on-link", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif w0", "ENETUNREACH"},
	{"1.4 not strict with a source", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif w0 from 2001:db8:2::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"1.4 link-local without device", "", "fe80::9", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"1.4 multicast with a device", "", "ff02::1 oif w0", "multicast 255 dev w0 src 2001:db8:2::1"},
	{"1.4 input, link-local is strict", "", "fe80::9 from fe80::5 iif w0", "unicast 254 dev w0"},
	{"1.4 input, not strict", "route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 from 2001:db8:1::1 iif w0", "unicast 254 via 2001:db8:1::2 dev v0"},
	{"8.2 input multicast", "", "ff02::1 from fe80::5 iif w0", "EMSGSIZE"},
	{"1.4 loopback with another device", "route ::/0 via 2001:db8:1::2 dev v0", "::1 oif v0", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},

	// 2.1 rules
	{"2.1 no rules at all", "delrule 0; delrule 32766; delrule 32767", "10.0.0.1", "ENETUNREACH"},
	{"2.1 order", "rule 200 blackhole; rule 100 prohibit", "8.8.8.8", "EACCES"},
	{"2.1 equal priorities", "rule 100 prohibit; rule 100 blackhole", "8.8.8.8", "EACCES"},
	{"2.1 blackhole", "rule 100 blackhole", "8.8.8.8", "EINVAL"},
	{"2.1 unreachable", "rule 100 unreachable", "8.8.8.8", "ENETUNREACH"},
	{"2.1 goto", "rule 100 goto 300; rule 200 prohibit; rule 300 blackhole", "8.8.8.8", "EINVAL"},
	{"2.1 goto tests the target", "rule 100 goto 300; rule 300 fwmark 1/1 blackhole; rule 400 prohibit", "8.8.8.8", "EACCES"},
	{"2.1 goto unresolved", "rule 100 goto 300; rule 400 prohibit", "8.8.8.8", "EACCES"},
	{"2.1 nop", "rule 100 nop; rule 200 prohibit", "8.8.8.8", "EACCES"},
	{"2.1 missing table", "rule 100 lookup 77; rule 200 prohibit", "8.8.8.8", "EACCES"},
	{"2.1 IPv6 prohibit", "rule6 100 prohibit", "2001:db8:9::1", "EACCES"},
	{"2.1 IPv6 refusal with a device", "rule6 100 blackhole", "2001:db8:9::1 oif v0", "EINVAL"},
	{"2.1 unknown attribute", "rule 100 unknown prohibit", "8.8.8.8", "EACCES ?"},

	// 2.2 selectors
	{"2.2 from", "rule 100 from 10.0.1.0/24 prohibit; route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8 from 10.0.1.1", "EACCES"},
	{"2.2 from, source unset", "rule 100 from 10.0.1.0/24 prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 from zero, source unset", "rule 100 from 0.0.0.0/32 prohibit", "8.8.8.8", "EACCES"},
	{"2.2 from zero, IPv6", "rule6 100 from ::/128 prohibit", "2001:db8:9::1", "ENETUNREACH"},
	{"2.2 from, IPv6", "rule6 100 from 2001:db8:2::/48 prohibit", "2001:db8:9::1 from 2001:db8:2::1", "EACCES"},
	{"2.2 to", "rule 100 to 8.0.0.0/8 prohibit", "8.8.8.8", "EACCES"},
	{"2.2 not", "rule 100 not to 8.0.0.0/8 prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 not from all", "rule 100 not prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 iif lo is output", "rule 100 iif lo prohibit", "8.8.8.8", "EACCES"},
	{"2.2 iif lo is not input", "rule 100 iif lo prohibit; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "ENETUNREACH"},
	{"2.2 iif detached", "rule 100 iif nosuch prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 not iif detached", "rule 100 not iif nosuch prohibit", "8.8.8.8", "EACCES"},
	{"2.2 oif", "rule 100 oif w0 lookup 100; route 0.0.0.0/0 via 10.0.1.2 dev w0 table 100", "8.8.8.8 oif w0", "unicast 100 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"2.2 oif unset", "rule 100 oif w0 prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 fwmark", "rule 100 fwmark 0x10/0xf0 prohibit", "8.8.8.8 mark 0x1f", "EACCES"},
	{"2.2 fwmark differs", "rule 100 fwmark 0x10/0xf0 prohibit", "8.8.8.8 mark 0x2f", "ENETUNREACH"},
	{"2.2 fwmark zero under a mask", "rule 100 fwmark 0/0xff prohibit", "8.8.8.8 mark 0x100", "EACCES"},
	{"2.2 tos is three bits in IPv4", "rule 100 tos 0x10 prohibit", "8.8.8.8 tos 0xb3", "EACCES"},
	{"2.2 tos is six bits in IPv6", "rule6 100 tos 0x10 prohibit", "2001:db8:9::1 tos 0x30", "ENETUNREACH"},
	{"2.2 dscp", "rule 100 dscp 46 prohibit", "8.8.8.8 tos 0xb8", "EACCES"},
	{"2.2 dscp zero", "rule 100 dscp 0 prohibit", "8.8.8.8 tos 0xb8", "ENETUNREACH"},
	{"2.2 flowlabel", "rule6 100 flowlabel 7 prohibit", "2001:db8:9::1 flowlabel 7", "EACCES"},
	{"2.2 uidrange", "rule 100 uidrange 1000-1999 prohibit", "8.8.8.8 uid 1500", "EACCES"},
	{"2.2 uidrange, input is root", "rule 100 uidrange 0-0 prohibit; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0 uid 1500", "EACCES"},
	// RTM_GETROUTE asks as nobody where it is given no user; a packet is root's.
	{"2.2 uidrange, IPv6 input is root", "rule6 100 uidrange 0-0 prohibit", "2001:db8:9::1 from 2001:db8:1::9 iif v0", "EACCES"},
	{"2.2 IPv6 is switched off where it comes in", "sysctl net/ipv6/conf/v0/disable_ipv6 1", "2001:db8::1 from 2001:db8:1::9 iif v0", "EINVAL"},
	{"2.2 ipproto", "rule 100 ipproto 6 prohibit", "8.8.8.8 ipproto tcp", "EACCES"},
	{"2.2 ipproto, IPv6 default", "rule6 100 ipproto 17 prohibit", "2001:db8:9::1", "ENETUNREACH"},
	{"2.2 dport", "rule 100 dport 80-90 prohibit", "8.8.8.8 dport 85", "EACCES"},
	{"2.2 sport differs", "rule 100 sport 80-90 prohibit", "8.8.8.8 sport 91", "ENETUNREACH"},
	{"2.2 dport mask", "rule 100 dportmask 0x50 0xf0 prohibit", "8.8.8.8 dport 0x5f", "EACCES"},
	{"2.2 input ports not dissected", "rule 100 not iif lo dport 80 prohibit; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0 dport 80", "EACCES"},
	{"2.2 tun_id", "rule 100 tun_id 7 prohibit", "8.8.8.8", "ENETUNREACH"},
	{"2.2 l3mdev without VRF", "rule 100 l3mdev", "8.8.8.8", "ENETUNREACH"},
	{"2.2 not l3mdev looks in table 0", "rule 100 not l3mdev; rule 200 prohibit", "8.8.8.8", "EACCES"},

	// 2.3 suppressors
	{"2.3 suppress_prefixlength", "rule 100 lookup main suppress_prefixlength 0; rule 101 prohibit; route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8", "EACCES"},
	{"2.3 suppress_prefixlength keeps longer", "rule 100 lookup main suppress_prefixlength 0; rule 101 prohibit", "10.0.0.9", "unicast 254 dev v0 src 10.0.0.1"},
	{"2.3 refusals are not suppressed", "rule 100 lookup main suppress_prefixlength 0; rule 101 prohibit; blackhole 0.0.0.0/0", "8.8.8.8", "EINVAL"},
	{"2.3 suppressed at the end", "rule6 100 lookup main suppress_prefixlength 0; delrule6 32766; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1", "ENETUNREACH"},
	{"2.3 suppress_ifgroup looks at the first", "link v0 group 5; rule 100 lookup main suppress_ifgroup 5; rule 101 prohibit; route 0.0.0.0/0 via 10.0.0.2 dev v0 via 10.0.1.2 dev w0", "8.8.8.8", "EACCES"},
	{"2.3 suppress_ifgroup, IPv6, the chosen", "link v0 group 5; rule6 100 lookup main suppress_ifgroup 5; rule6 101 to 2001:db8:9::/48 lookup 100; route ::/0 dev w0p table 100; route 2001:db8:9::/48 via 2001:db8:1::2 dev v0 via 2001:db8:2::2 dev w0", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1 | dev w0p src 2001:db8:1::1"},

	// 2.4 the merged trie
	{"2.4 merged: main beats local", "route 127.9.9.9/32 via 10.0.0.2 dev v0", "127.9.9.9", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"2.4 merged: local before main in a prefix", "route 10.0.0.1/32 dev w0", "10.0.0.1", "local 255 dev lo src 10.0.0.1"},
	{"2.4 split: local first", "split; route 127.9.9.9/32 via 10.0.0.2 dev v0", "127.9.9.9", "local 255 dev lo src 127.0.0.1"},
	{"2.4 unknown and it matters", "merged-unknown; route 127.9.9.9/32 via 10.0.0.2 dev v0", "127.9.9.9", "local 255 dev lo src 127.0.0.1 ?"},
	{"2.4 unknown and it does not matter", "merged-unknown", "127.9.9.9", "local 255 dev lo src 127.0.0.1"},
	{"2.4 merged: default after no match", "route 8.0.0.0/8 via 10.0.1.2 dev w0 table default", "8.8.8.8", "unicast 253 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"2.4 merged: default after throw", "throw 8.8.8.0/24; route 8.0.0.0/8 via 10.0.1.2 dev w0 table default", "8.8.8.8", "unicast 253 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"2.4 merged: not default after refusal", "blackhole 8.8.8.0/24; route 8.0.0.0/8 via 10.0.1.2 dev w0 table default", "8.8.8.8", "EINVAL"},
	{"2.4 main before local by rules", "delrule 0; rule 10 lookup main; rule 20 lookup local; route 0.0.0.0/0 via 10.0.0.2 dev v0", "127.0.0.1", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},

	// 3.1, 3.3 IPv4 leaf
	{"3.1 longest prefix", "route 8.0.0.0/8 via 10.0.0.2 dev v0; route 8.8.0.0/16 via 10.0.1.2 dev w0", "8.8.8.8", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 metric", "route 8.0.0.0/8 via 10.0.0.2 dev v0 metric 5; route 8.0.0.0/8 via 10.0.1.2 dev w0 metric 3", "8.8.8.8", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 tos before metric", "route 8.0.0.0/8 via 10.0.0.2 dev v0; route 8.0.0.0/8 tos 0x10 via 10.0.1.2 dev w0 metric 500", "8.8.8.8 tos 0x10", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 tos only", "route 8.0.0.0/8 tos 0x10 via 10.0.1.2 dev w0", "8.8.8.8", "ENETUNREACH"},
	{"3.1 high DSCP never matches", "route 8.0.0.0/8 tos 0xb8 via 10.0.1.2 dev w0", "8.8.8.8 tos 0xb8", "ENETUNREACH"},
	{"3.1 insertion order", "route 8.0.0.0/8 via 10.0.0.2 dev v0; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"3.1 oif picks a later entry", "route 8.0.0.0/8 via 10.0.0.2 dev v0; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8 oif w0", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 oif falls back to a shorter prefix", "route 8.8.0.0/16 via 10.0.0.2 dev v0; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8 oif w0", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 refusal before oif", "prohibit 8.8.0.0/16; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"3.1 dead", "route 8.8.0.0/16 via 10.0.0.2 dev v0,dead; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 object abandons the leaf", "nexthop 1 via 10.0.0.2 dev v0; route 8.0.0.0/24 nhid 1; route 8.0.0.0/16 via 10.0.1.2 dev w0", "8.0.0.1 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"3.1 object keeps other leaves", "nexthop 1 via 10.0.0.2 dev v0; route 8.8.0.0/16 nhid 1; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8 oif w0", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 inline keeps the leaf", "route 8.0.0.0/24 via 10.0.0.2 dev v0; route 8.0.0.0/16 via 10.0.1.2 dev w0", "8.0.0.1 oif w0", "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"},
	{"3.1 own gateway is direct", "route 8.0.0.0/8 via 10.0.0.1 dev v0", "8.8.8.8", "unicast 254 dev v0 src 10.0.0.1 ?"},
	{"3.1 gateway by an entry of scope host is direct", "route 10.0.0.0/25 dev v0 scope host; route 8.0.0.0/8 via 10.0.0.2 dev v0", "8.8.8.8", "unicast 254 dev v0 src 10.0.0.1 ?"},
	{"3.1 own gateway of another device is not", "route 8.0.0.0/8 via 10.0.1.1 dev v0", "8.8.8.8", "unicast 254 via 10.0.1.1 dev v0 src 10.0.0.1"},
	{"3.1 IPv6 gateway", "route 8.0.0.0/8 via fe80::2 dev v0", "8.8.8.8", "unicast 254 via fe80::2 dev v0 src 10.0.0.1"},
	{"3.1 unknown attribute", "route 8.0.0.0/8 via 10.0.0.2 dev v0 unknown", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1 ?"},
	{"3.3 blackhole", "blackhole 8.0.0.0/8", "8.8.8.8", "EINVAL"},
	{"3.3 unreachable", "unreachable 8.0.0.0/8", "8.8.8.8", "EHOSTUNREACH"},
	{"3.3 prohibit", "prohibit 8.0.0.0/8", "8.8.8.8", "EACCES"},
	{"3.3 throw does not go shorter", "throw 8.8.0.0/16; route 8.0.0.0/8 via 10.0.1.2 dev w0", "8.8.8.8", "ENETUNREACH"},
	{"3.3 anycast", "anycast 192.0.2.1/32 dev w0 scope link", "192.0.2.1", "anycast 254 dev w0 src 10.0.1.1"},
	{"3.3 IPv6 unreachable", "unreachable 2001:db8:9::/48 dev lo", "2001:db8:9::1", "EHOSTUNREACH"},
	{"3.3 IPv6 refusal, oif is strict", "prohibit 2001:db8:9::/48 dev lo; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif v0", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.3 IPv6 refusal, oif and source", "prohibit 2001:db8:9::/48 dev lo; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif v0 from 2001:db8:1::1", "EACCES"},
	{"3.3 IPv6 refusal, oif lo", "prohibit 2001:db8:9::/48 dev lo", "2001:db8:9::1 oif lo", "EACCES"},
	{"3.3 IPv6 throw", "throw 2001:db8:9::/48 dev lo; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1", "ENETUNREACH"},

	// 3.2 device state
	{"3.2 no carrier, still used", "route 8.0.0.0/8 via 10.0.0.2 dev v0,linkdown; link v0 nocarrier", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"3.2 no carrier, ignored", "route 8.0.0.0/8 via 10.0.0.2 dev v0,linkdown,dead; link v0 nocarrier; sysctl net/ipv4/conf/all/ignore_routes_with_linkdown 1", "8.8.8.8", "ENETUNREACH"},
	{"3.2 IPv6, all does not count", "route ::/0 dev v0,linkdown; link v0 nocarrier; sysctl net/ipv6/conf/all/ignore_routes_with_linkdown 1", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"3.2 IPv6, ignored", "route ::/0 dev v0,linkdown,dead; link v0 nocarrier; sysctl net/ipv6/conf/v0/ignore_routes_with_linkdown 1", "2001:db8:9::1", "ENETUNREACH"},
	{"3.2 stale bounds", "route 8.0.0.0/8 via 10.0.0.2 dev v0,linkdown,dead via 10.0.1.2 dev w0; link v0 nocarrier; sysctl net/ipv4/conf/v0/ignore_routes_with_linkdown 1", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1 | via 10.0.1.2 dev w0 src 10.0.1.1 ?"},
	{"3.2 stale bounds, IPv6", "route 2001:db8:9::/48 via 2001:db8:1::2 dev v0,linkdown,dead via 2001:db8:2::2 dev w0; link v0 nocarrier; sysctl net/ipv6/conf/v0/ignore_routes_with_linkdown 1", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1 | via 2001:db8:2::2 dev w0 src 2001:db8:2::1 ?"},
	{"3.2 setting not read", "route 8.0.0.0/8 via 10.0.0.2 dev v0,linkdown; unset net/ipv4/conf/all/ignore_routes_with_linkdown", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1 ?"},

	// 3.4 default routes
	{"3.4 no neighbours", two, "8.8.8.8", first},
	{"3.4 first reachable", two + "; neigh 10.0.0.2 dev v0 REACHABLE; neigh 10.0.1.2 dev w0 REACHABLE", "8.8.8.8", first},
	{"3.4 first stale", two + "; neigh 10.0.0.2 dev v0 STALE", "8.8.8.8", first + both2},
	{"3.4 first failed", two + "; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8", second},
	{"3.4 first incomplete, second reachable", two + "; neigh 10.0.0.2 dev v0 INCOMPLETE; neigh 10.0.1.2 dev w0 REACHABLE", "8.8.8.8", second},
	{"3.4 first failed, second stale", two + "; neigh 10.0.0.2 dev v0 FAILED; neigh 10.0.1.2 dev w0 STALE", "8.8.8.8", second},
	{"3.4 both failed", two + "; neigh 10.0.0.2 dev v0 FAILED; neigh 10.0.1.2 dev w0 FAILED", "8.8.8.8", first + both2},
	{"3.4 both incomplete", two + "; neigh 10.0.0.2 dev v0 INCOMPLETE; neigh 10.0.1.2 dev w0 INCOMPLETE", "8.8.8.8", first},
	{"3.4 first failed, second incomplete", two + "; neigh 10.0.0.2 dev v0 FAILED; neigh 10.0.1.2 dev w0 INCOMPLETE", "8.8.8.8", first},
	{"3.4 with a device", two + "; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8 oif v0", first},
	{"3.4 not for larger metrics", "route 0.0.0.0/0 via 10.0.0.2 dev v0 metric 1; route 0.0.0.0/0 via 10.0.1.2 dev w0 metric 2; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8", first},
	{"3.4 not for forwarded packets", two + "; neigh 10.0.0.2 dev v0 FAILED; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "unicast 254 via 10.0.0.2 dev v0"},
	{"3.4 not for longer prefixes", "route 0.0.0.0/1 via 10.0.0.2 dev v0; route 0.0.0.0/1 via 10.0.1.2 dev w0; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8", first},
	{"3.4 not behind a device route", "route 0.0.0.0/0 dev v0 scope link; " + two, "8.8.8.8", "unicast 254 dev v0 src 10.0.0.1"},

	// 3.5 IPv6 walk
	{"3.5 metric", "route 2001:db8:9::/48 via 2001:db8:1::2 dev v0 metric 2000; route 2001:db8:9::/48 via 2001:db8:2::2 dev w0", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"3.5 expired", "route 2001:db8:9::/48 via 2001:db8:1::2 dev v0 expired; route ::/0 via 2001:db8:2::2 dev w0", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"3.5 preference", "route 2001:db8:9::/48 dev v0 pref low; route 2001:db8:9::/48 dev w0 pref high", "2001:db8:9::1", "unicast 254 dev w0 src 2001:db8:2::1"},
	{"3.5 preference does not beat metric", "route 2001:db8:9::/48 dev v0 pref low metric 5; route 2001:db8:9::/48 dev w0 pref high metric 6", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"3.5 preference beats a device that is not strict", "route 2001:db8:9::/48 dev v0; route 2001:db8:9::/48 dev w0 pref high", "2001:db8:9::1 oif v0 from 2001:db8:1::1", "unicast 254 dev w0 src 2001:db8:2::1"},
	{"3.5 device preferred when not strict", "route 2001:db8:9::/48 dev v0; route 2001:db8:9::/48 dev w0", "2001:db8:9::1 oif w0 from 2001:db8:1::1", "unicast 254 dev w0 src 2001:db8:2::1"},
	{"3.5 siblings' preferences are not known", "route 2001:db8:9::/48 via 2001:db8:1::2 dev v0 via 2001:db8:2::2 dev w0; route 2001:db8:9::/48 dev v0p pref high", "2001:db8:9::1", "unicast 254 dev v0p src 2001:db8:1::1 ?"},
	{"3.5 user's anycast", "anycast 2001:db8:9::/128 dev v0 table local", "2001:db8:9::", "anycast 255 dev v0 src 2001:db8:1::1"},
	{"3.5 kernel's anycast", "anycast 2001:db8:1::/128 dev v0 table local proto kernel metric 0", "2001:db8:1::", "anycast 255 dev lo src 2001:db8:1::1"},
	{"3.5 source-specific but unusable: source-less next", subtree + "; neigh 2001:db8:2::7 dev w0 FAILED", "2001:db8:9::1 from 2001:db8:77::1", "unicast 254 via 2001:db8:1::7 dev v0 src 2001:db8:1::1"},
	{"3.5 going back meets source-less entries", subtree + "; route 2001:db8:9:9::/64 via 2001:db8:2::9 dev w0; neigh 2001:db8:2::9 dev w0 FAILED", "2001:db8:9:9::1", "unicast 254 via 2001:db8:1::7 dev v0 src 2001:db8:1::1"},
	{"3.5 failed neighbour, shorter prefix", failed6, "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"3.5 failed neighbour, router", failed6 + "; sysctl net/ipv6/conf/all/forwarding 1", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 failed neighbour, forwarding of the device does not count", failed6 + "; sysctl net/ipv6/conf/v0/forwarding 1", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"3.5 incomplete neighbour is fine", strings.ReplaceAll(failed6, "FAILED", "INCOMPLETE"), "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 all failed, longest again", failed6 + "; neigh 2001:db8:2::2 dev w0 FAILED", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 larger metrics are tried together", "route ::/0 via 2001:db8:1::2 dev v0 metric 1; route ::/0 dev v0 metric 2; route ::/0 dev w0 metric 3 pref high; neigh 2001:db8:1::2 dev v0 FAILED", "2001:db8:9::1", "unicast 254 dev w0 src 2001:db8:2::1"},
	{"3.5 own address", "", "2001:db8:1::1", "local 255 dev lo src 2001:db8:1::1"},
	{"3.5 own address, other device", "route ::/0 via 2001:db8:2::2 dev w0", "2001:db8:1::1 oif w0", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:1::1"},
	{"3.5 source-specific", subtree, "2001:db8:9::1 from 2001:db8:77::1", "unicast 254 via 2001:db8:2::7 dev w0 src 2001:db8:2::1"},
	{"3.5 source-specific, other source skips the prefix", subtree, "2001:db8:9::1 from 2001:db8:78::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 source-specific, no source skips the prefix", subtree, "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 source-specific at the root", "route ::/0 via 2001:db8:1::2 dev v0; route ::/0 from 2001:db8:77::/48 via 2001:db8:2::7 dev w0", "2001:db8:9::1 from 2001:db8:78::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"3.5 longer destination before source", subtree + "; route 2001:db8:9:1::/64 via 2001:db8:1::9 dev v0", "2001:db8:9:1::1 from 2001:db8:77::1", "unicast 254 via 2001:db8:1::9 dev v0 src 2001:db8:1::1"},

	// 4.1 inline multipath
	{"4.1 set", multi, "8.8.8.8", first + both2},
	{"4.1 oif", multi, "8.8.8.8 oif w0", second},
	{"4.1 source decides", multi, "8.8.8.8 from 10.0.1.1", "unicast 254 via 10.0.1.2 dev w0"},
	{"4.1 source of no member", multi + "; addr 10.9.9.9/32 dev lo", "8.8.8.8 from 10.9.9.9", "unicast 254 via 10.0.0.2 dev v0 | via 10.0.1.2 dev w0"},
	{"4.1 source before Linux 6.16", multi + "; release 6.1.0-56-amd64", "8.8.8.8 from 10.0.1.1", "unicast 254 via 10.0.0.2 dev v0 | via 10.0.1.2 dev w0"},
	{"4.1 source may be remembered", "route 0.0.0.0/0 dev v0 dev w0", "8.8.8.8 from 10.0.1.1", "unicast 254 dev w0 ?"},
	{"4.1 source does not decide when forwarded", multi + "; sysctl net/ipv4/conf/w0/forwarding 1", "8.8.8.8 from 10.0.1.9 iif w0", "unicast 254 via 10.0.0.2 dev v0 | via 10.0.1.2 dev w0"},
	{"4.1 dead member", "route 0.0.0.0/0 via 10.0.0.2 dev v0,dead,linkdown via 10.0.1.2 dev w0; link v0 down", "8.8.8.8", second},
	{"4.1 use_neigh", multi + "; neigh 10.0.0.2 dev v0 FAILED; sysctl net/ipv4/fib_multipath_use_neigh 1", "8.8.8.8", second},
	{"4.1 use_neigh off", multi + "; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8", first + both2},
	{"4.1 use_neigh, all bad", multi + "; neigh 10.0.0.2 dev v0 FAILED; neigh 10.0.1.2 dev w0 FAILED; sysctl net/ipv4/fib_multipath_use_neigh 1", "8.8.8.8", first},
	{"4.1 member that breaks reverse path", multi + "; sysctl net/ipv4/conf/w0/forwarding 1; rule 100 iif v0 to 10.0.1.0/24 prohibit; sysctl net/ipv4/conf/w0/rp_filter 1", "8.8.8.8 from 10.0.1.9 iif w0", "unicast 254 via 10.0.1.2 dev w0 | EINVAL"},

	// 4.2 next-hop objects
	{"4.2 single", "nexthop 1 via 10.0.1.2 dev w0; route 0.0.0.0/0 nhid 1", "8.8.8.8", second},
	{"4.2 group", group, "8.8.8.8", first + both2},
	{"4.2 group, source does not decide", group, "8.8.8.8 from 10.0.1.1", "unicast 254 via 10.0.0.2 dev v0 | via 10.0.1.2 dev w0"},
	{"4.2 group, failed neighbour", group + "; neigh 10.0.0.2 dev v0 INCOMPLETE", "8.8.8.8", second},
	{"4.2 group, all failed", group + "; neigh 10.0.0.2 dev v0 FAILED; neigh 10.0.1.2 dev w0 FAILED", "8.8.8.8", first},
	{"4.2 group, oif", group, "8.8.8.8 oif w0", second},
	{"4.2 resilient group", strings.Replace(group, "1,2", "1,2 resilient", 1) + "; neigh 10.0.0.2 dev v0 FAILED", "8.8.8.8", first + both2},
	{"4.2 resilient group, too few buckets", "nexthop 1 via 10.0.0.2 dev v0; nexthop 2 via 10.0.1.2 dev w0; nexthop 3 via 10.0.1.3 dev w0; group 10 103,201,310 resilient; route 8.0.0.0/8 nhid 10", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1 | via 10.0.1.3 dev w0 src 10.0.1.1 ?"},
	{"4.2 blackhole", "nexthop 1 blackhole; blackhole 8.0.0.0/8 nhid 1; route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8", "EINVAL"},
	{"4.2 blackhole, oif", "nexthop 1 blackhole; blackhole 8.0.0.0/8 nhid 1", "8.8.8.8 oif w0", "unicast 0 dev w0 src 10.0.1.1"},
	{"4.2 blackhole, IPv6, oif", "nexthop 1 blackhole; blackhole 2001:db8:9::/48 nhid 1; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1 oif v0", "EINVAL"},
	{"4.2 IPv6 group, oif not enforced, source of the first", group6, "2001:db8:9::1 oif w0", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1 | via 2001:db8:2::2 dev w0 src 2001:db8:1::1"},
	{"4.2 IPv6 group, failed neighbour", group6 + "; neigh 2001:db8:1::2 dev v0 FAILED", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:1::1"},
	{"4.2 object, source of its own making", "deladdrs v0; addr 10.0.4.1/32 dev v0 scope link; addr 10.0.0.1/24 dev v0; nexthop 1 dev v0; route 8.0.0.0/8 nhid 1", "8.8.8.8", "unicast 254 dev v0 src 10.0.0.1 | dev v0 src 10.0.4.1"},
	{"4.2 IPv6 object, shared", "nexthop 1 via 2001:db8:1::2 dev v0; route ::/0 nhid 1; route 2001:db8:9::/48 nhid 1", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1 ?"},
	{"1.1/9 type of a shared next hop", "route 0.0.0.0/0 via 10.0.0.2 dev v0; route 224.0.0.0/4 via 10.0.0.2 dev v0", "239.1.1.1", "multicast 254 via 10.0.0.2 dev v0 src 10.0.0.1 ?"},
	{"4.3 siblings' sources are not known", "route ::/0 via 2001:db8:1::2 dev v0 via 2001:db8:2::2 dev w0 src 2001:db8:2::1", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:2::1 | via 2001:db8:2::2 dev w0 src 2001:db8:2::1 ?"},
	{"4.2 object missing", "route 0.0.0.0/0 nhid 7 via 10.0.0.2 dev v0", "8.8.8.8", first + " ?"},

	// 4.3 IPv6 siblings
	{"4.3 set", multi6, "2001:db8:9::1", both6},
	{"4.3 source does not decide", multi6, "2001:db8:9::1 from 2001:db8:2::1", both6},
	{"4.3 oif is respected", multi6, "2001:db8:9::1 oif w0", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"4.3 oif with source is not", multi6, "2001:db8:9::1 oif w0 from 2001:db8:2::1", both6},
	{"4.3 oif keeps the walk's choice since 7.0", "release 7.0.0; " + multi6, "2001:db8:9::1 oif w0 from 2001:db8:2::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"4.3 oif keeps the walk's choice in Debian's 6.12", "release 6.12.117+deb12-amd64; " + multi6, "2001:db8:9::1 oif w0 from 2001:db8:2::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"4.3 oif without a member is not kept to", "release 7.0.0; " + multi6, "2001:db8:9::1 oif lo from 2001:db8:2::1", both6},
	{"4.3 oif, not known", "release 6.18.99; " + multi6, "2001:db8:9::1 oif w0 from 2001:db8:2::1", both6 + " ?"},
	{"4.2 IPv6 group, oif enforced since 7.0", "release 7.0.0; " + group6, "2001:db8:9::1 oif w0", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:1::1"},
	{"4.3 failed member, host", multi6 + "; neigh 2001:db8:1::2 dev v0 FAILED", "2001:db8:9::1", "unicast 254 via 2001:db8:2::2 dev w0 src 2001:db8:2::1"},
	{"4.3 failed member, router", multi6 + "; neigh 2001:db8:1::2 dev v0 FAILED; sysctl net/ipv6/conf/all/forwarding 1", "2001:db8:9::1", both6},
	{"4.3 all failed: the walk's choice", multi6 + "; neigh 2001:db8:1::2 dev v0 FAILED; neigh 2001:db8:2::2 dev w0 FAILED", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},

	// 5.1 IPv4 source
	{"5.1/2 prefsrc", "route 0.0.0.0/0 via 10.0.0.2 dev v0 src 10.0.1.1", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.1.1"},
	{"5.1/3 gateway's subnet", "addr 10.0.3.1/24 dev v0; route 0.0.0.0/0 via 10.0.3.2 dev v0", "8.8.8.8", "unicast 254 via 10.0.3.2 dev v0 src 10.0.3.1"},
	{"5.1/3 gateway's subnet by the peer", "addr 10.0.3.1/32 dev v0 peer 10.0.5.2/32; route 0.0.0.0/0 via 10.0.5.2 dev v0", "8.8.8.8", "unicast 254 via 10.0.5.2 dev v0 src 10.0.3.1"},
	{"5.1/3 secondary skipped", "deladdrs v0; addr 10.0.0.1/24 dev v0 secondary; addr 10.0.0.7/24 dev v0; route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8", "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.7"},
	{"5.1/3 link-scope address and route", "deladdrs v0; addr 10.0.4.1/32 dev v0 scope link; addr 10.0.0.1/24 dev v0; route 8.0.0.0/8 dev v0 scope link", "8.8.8.8", "unicast 254 dev v0 src 10.0.4.1"},
	{"5.1/3 link-scope address, global route", "deladdrs v0; addr 10.0.4.1/32 dev v0 scope link; addr 10.0.0.1/24 dev v0; route 8.0.0.0/8 dev v0", "8.8.8.8", "unicast 254 dev v0 src 10.0.0.1"},
	{"5.1/4 another device", "route 8.0.0.0/8 dev v0p scope link", "8.8.8.8", "unicast 254 dev v0p src 10.0.0.1"},
	{"5.1/4 lo first", "addr 10.99.0.1/32 dev lo; route 8.0.0.0/8 dev v0p scope link", "8.8.8.8", "unicast 254 dev v0p src 10.99.0.1"},
	{"5.1/4 the order of the namespace", "order; order w0 v0; route 8.0.0.0/8 dev v0p scope link", "8.8.8.8", "unicast 254 dev v0p src 10.0.1.1"},
	{"5.1/4 order not known", "order; order w0 w0p; route 8.0.0.0/8 dev v0p scope link", "8.8.8.8", "unicast 254 dev v0p src 10.0.0.1 | dev v0p src 10.0.1.1"},
	{"5.1/4 order not known, lo first", "order; addr 10.99.0.1/32 dev lo; route 8.0.0.0/8 dev v0p scope link", "8.8.8.8", "unicast 254 dev v0p src 10.99.0.1"},
	{"5.1/4 order not known where legs choose", "order; route 8.0.0.0/8 dev v0p dev v0 scope link", "8.8.8.8 from 10.0.0.1", "unicast 254 dev v0p | dev v0 ?"},
	{"5.1/3 route_localnet", "broadcast 192.0.2.0/24 dev lo scope link; sysctl net/ipv4/conf/lo/route_localnet 1", "192.0.2.1", "broadcast 254 dev lo src 127.0.0.1 ?"},
	{"5.1/5 none", "deladdrs v0; deladdrs w0; route 8.0.0.0/8 dev v0 scope link", "8.8.8.8", "unicast 254 dev v0"},

	// 5.2 IPv6 source
	{"5.2 the order of the namespace", "order; order w0 v0; route ::/0 dev v0p", "2001:db8:9::1", "unicast 254 dev v0p src 2001:db8:2::1"},
	{"5.2 order not known", "order; route ::/0 dev v0p", "2001:db8:9::1", "unicast 254 dev v0p src 2001:db8:1::1 | dev v0p src 2001:db8:2::1"},
	{"5.2 order not known, a rule decides", "order; route ::/0 dev v0p", "2001:db8:2::9 oif v0p", "unicast 254 dev v0p src 2001:db8:2::1"},
	{"5.2 order not known, own address", "order; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"5.2 prefsrc", "route ::/0 via 2001:db8:1::2 dev v0 src 2001:db8:2::1", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:2::1"},
	{"5.2/2 link-local destination", "addr fe80::1/64 dev v0 scope link", "fe80::9 oif v0", "unicast 254 dev v0 src fe80::1"},
	{"5.2/2 tentative", "deladdrs v0; addr 2001:db8:1::1/64 dev v0 tentative; route ::/0 via 2001:db8:1::2 dev v0", "2001:db8:9::1", "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:2::1"},
	{"5.2/2 use_oif_addrs_only", "route ::/0 dev v0p; sysctl net/ipv6/conf/v0p/use_oif_addrs_only 1", "2001:db8:9::1", "unicast 254 dev v0p"},
	{"5.2/3 rule 1, even deprecated", "addr 2001:db8:1::5/64 dev v0 deprecated; local 2001:db8:1::5/128 dev v0 table 255", "2001:db8:1::5", "local 255 dev lo src 2001:db8:1::5"},
	{"5.2/3 rule 2", "deladdrs v0; addr fe80::1/64 dev v0 scope link; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:2::1"},
	{"5.2/3 rule 3", "deladdrs v0; addr 2001:db8:9::5/64 dev v0 deprecated; addr 2001:db8:1::1/64 dev v0; route 2001:db8:9::/64 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"5.2/3 rule 5 before 8", "route 2001:db8:2:9::/64 dev v0", "2001:db8:2:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"5.2/3 rule 6", "addr fd00:1::1/64 dev v0; route fd00:9::/32 dev v0", "fd00:9::1", "unicast 254 dev v0 src fd00:1::1"},
	{"5.2/3 rule 7", "deladdrs v0; addr 2001:db8:1::7/64 dev v0 temporary; addr 2001:db8:1::1/64 dev v0; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"5.2/3 rule 7 reversed", "addr 2001:db8:1::7/64 dev v0 temporary; route ::/0 dev v0; sysctl net/ipv6/conf/v0/use_tempaddr 2", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::7"},
	{"5.2/3 rule 8", "addr 2001:db8:9::5/64 dev v0; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:9::5"},
	{"5.2/3 rule 8 capped", "deladdrs v0; addr 2001:db8:9::5/16 dev v0; addr 2001:db8:1::1/64 dev v0; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0 src 2001:db8:1::1"},
	{"5.2/4 none", "deladdrs v0; deladdrs w0; deladdrs lo; route ::/0 dev v0", "2001:db8:9::1", "unicast 254 dev v0"},

	// 7 VRF
	{"7 oif of a slave", vrf, "8.8.8.8 oif v0", "unicast 10 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"7 oif of the VRF", vrf, "8.8.8.8 oif red", "unicast 10 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"7 outside", vrf, "8.8.8.8", "ENETUNREACH"},
	{"7 no on-link assumption", vrf + "; prohibit 9.0.0.0/8 table 10", "9.9.9.9 oif v0", "EACCES"},
	{"7 local results", vrf + "; local 10.0.0.77/32 dev v0 table 10 scope host src 10.0.0.77", "10.0.0.77 oif red", "local 10 dev red src 10.0.0.77"},
	{"7 input", vrf + "; sysctl net/ipv4/conf/v0/forwarding 1", "8.8.8.8 from 10.0.0.9 iif v0", "unicast 10 via 10.0.0.2 dev v0"},
	{"7 iif of the VRF", vrf + "; rule 500 iif red prohibit; sysctl net/ipv4/conf/v0/forwarding 1", "8.8.8.8 from 10.0.0.9 iif v0", "EACCES"},
	{"7 iif of the VRF, before Linux 6.15", vrf + "; release 6.1.0-56-amd64; rule 500 iif red prohibit; sysctl net/ipv4/conf/v0/forwarding 1", "8.8.8.8 from 10.0.0.9 iif v0", "unicast 10 via 10.0.0.2 dev v0"},
	{"7 oif of the VRF", vrf + "; rule 500 oif red prohibit", "8.8.8.8 oif v0", "EACCES"},
	{"7 oif of the VRF, before Linux 6.15", vrf + "; release 6.1.0-56-amd64; rule 500 oif red prohibit", "8.8.8.8 oif v0", "unicast 10 via 10.0.0.2 dev v0 src 10.0.0.1"},
	{"7 IPv6", vrf, "2001:db8:9::1 oif v0", "unicast 10 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"7 IPv6, oif of the VRF is no device", vrf + "; route 2001:db8:9::/48 via 2001:db8:2::2 dev w0", "2001:db8:9::1 oif red", "unicast 10 via 2001:db8:1::2 dev v0 src 2001:db8:1::1"},
	{"7 IPv6, link-local on a slave", vrf + "; route fe80::/64 dev v0 table 10; route fe80::/10 dev v0 table local", "fe80::9 oif v0", "unicast 10 dev v0 src 2001:db8:1::1"},
	{"7 IPv6, link-local on the VRF", vrf + "; route fe80::/64 dev v0 table 10", "fe80::9 oif red", "ENETUNREACH"},
	{"7 source stays within", vrf + "; deladdrs v0; addr 10.77.0.1/32 dev red", "8.8.8.8 oif v0", "unicast 10 via 10.0.0.2 dev v0 src 10.77.0.1"},

	// 10.4
	{"10.4 zero host route is no default", "route 0.0.0.0/32 via 10.0.0.2 dev v0", "8.8.8.8", "ENETUNREACH"},
	{"10.4 lower half", "route 0.0.0.0/1 via 10.0.1.2 dev w0; route 0.0.0.0/0 via 10.0.0.2 dev v0", "8.8.8.8", second},
}

// Pieces of cases.
const (
	two     = "route 0.0.0.0/0 via 10.0.0.2 dev v0; route 0.0.0.0/0 via 10.0.1.2 dev w0"
	multi   = "route 0.0.0.0/0 via 10.0.0.2 dev v0 via 10.0.1.2 dev w0"
	group   = "nexthop 1 via 10.0.0.2 dev v0; nexthop 2 via 10.0.1.2 dev w0; group 10 1,2; route 0.0.0.0/0 nhid 10"
	first   = "unicast 254 via 10.0.0.2 dev v0 src 10.0.0.1"
	second  = "unicast 254 via 10.0.1.2 dev w0 src 10.0.1.1"
	both2   = " | via 10.0.1.2 dev w0 src 10.0.1.1"
	failed6 = "route ::/0 via 2001:db8:2::2 dev w0; route 2001:db8:9::/48 via 2001:db8:1::2 dev v0; neigh 2001:db8:1::2 dev v0 FAILED"
	subtree = "route ::/0 via 2001:db8:1::2 dev v0; route 2001:db8:9::/48 via 2001:db8:1::7 dev v0; route 2001:db8:9::/48 from 2001:db8:77::/48 via 2001:db8:2::7 dev w0"
	multi6  = "route 2001:db8:9::/48 via 2001:db8:1::2 dev v0 via 2001:db8:2::2 dev w0"
	both6   = "unicast 254 via 2001:db8:1::2 dev v0 src 2001:db8:1::1 | via 2001:db8:2::2 dev w0 src 2001:db8:2::1"
	group6  = "nexthop 1 via 2001:db8:1::2 dev v0; nexthop 2 via 2001:db8:2::2 dev w0; group 10 1,2; route 2001:db8:9::/48 nhid 10"
	vrf     = "vrf red 10 10; link v0 master red; rule 1000 l3mdev; rule6 1000 l3mdev; route 0.0.0.0/0 via 10.0.0.2 dev v0 table 10; route ::/0 via 2001:db8:1::2 dev v0 table 10"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			if c.setup != "" {
				lines = strings.Split(c.setup, "; ")
			}
			s := lab(t, lines...)
			a := Decide(s, query(t, s, c.query))
			if got := text(s, a); got != c.want {
				t.Errorf("%s\n got %s\nwant %s\n%s", c.query, got, c.want, a.Uncertain)
			}
		})
	}
}
