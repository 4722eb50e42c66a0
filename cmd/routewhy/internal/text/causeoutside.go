package text

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Causes that lie outside of the look-up: programs, the way out, the network, firewalls.

// byPrograms is a cause that lies in the program, or in what its packets meet after routing.
func (x caused) byPrograms(c *report.Cause) string {
	not := c.State == whynot.CauseNot
	switch c.Code {
	case whynot.CauseForbidden:
		if x.r.Errno == route.EPERM {
			return "what forbids it to the program: seccomp, AppArmor, or a BPF program of its cgroup"
		}
		return "what forbids it to the program: a source port below 1024 (bind), SELinux, AppArmor, Landlock"
	case whynot.CausePolicy:
		if c.State == whynot.CausePossible {
			return fmt.Sprintf("an IPsec policy that takes it (ip xfrm policy: src %s dst %s dir out): it is lost while ip xfrm state has none for it",
				name(c.Reason.Have), name(c.Reason.Want))
		}
		if c.Reason.Have.IsZero() && x.r.Errno == route.ETIMEDOUT {
			return "an IPsec policy that takes it: " + negated(not, "policies were not read", "there is none")
		}
		if c.Reason.Have.IsZero() {
			return "an IPsec policy that blocks it: " + negated(not, "policies were not read", "there is none")
		}
		return fmt.Sprintf("an IPsec policy that blocks it (ip xfrm policy: src %s dst %s dir out)", name(c.Reason.Have), name(c.Reason.Want))
	case whynot.CauseMTU:
		return x.tooLong(c)
	case whynot.CauseFamily:
		return negated(not, "a kernel without IPv6 (ipv6.disable=1): no IPv6 address is there, not even ::1", x.Looked().Family().String()+": this host has it")
	case whynot.CauseQueue:
		return negated(not, "a buffer or a queue that is full: ss -m, tc -s qdisc", "a full queue: the packet does not get there")
	case whynot.CauseKey:
		return wireGuard(c, x.r.Errno)
	}
	return "what the program itself asked for (an address, a length, an option)"
}

// tooLong says which packets are too long.
func (x caused) tooLong(c *report.Cause) string {
	switch {
	case c.State == whynot.CauseNot:
		return "a packet that is too long: it does not even leave"
	case c.Reason.Have.IsZero():
		return "a packet that is longer than the MTU and must not be fragmented"
	}
	return fmt.Sprintf("a packet that is longer than the MTU and must not be fragmented: the MTU is %s (%s), and a router on the way may have said less (ip route get %s)",
		name(c.Reason.Have), name(c.Reason.Want), x.Looked().Addr())
}

// wireGuard says what a WireGuard device lacks for a packet.
func wireGuard(c *report.Cause, e route.Errno) string {
	switch dev := name(c.Reason.Have); {
	case c.State == whynot.CauseNot:
		return "WireGuard: the packet does not go into such a device"
	case e == route.ENOKEY:
		return dev + ", which has no peer for the destination: wg show " + dev + " allowed-ips"
	default:
		return dev + ", whose peer has no endpoint yet: wg show " + dev + " endpoints"
	}
}

// deadEnd says why nobody answers by the packet's device.
func (x caused) deadEnd(c *report.Cause) string {
	dev := name(c.Reason.Have)
	switch {
	case c.State == whynot.CauseNot:
		return "a device without carrier: " + negated(!x.Disposition.Success(), "the packet's device has one", "the packet does not leave")
	case c.Reason.Code == lookup.NoteNoPort:
		return dev + ", a bridge without a port: nobody answers there, and programs get this after some seconds"
	case c.Reason.Code == lookup.FaultDown:
		return dev + ", which is down"
	}
	return dev + ", which has no carrier: nobody answers there, and programs get this after some seconds"
}

func neighbourCause(c *report.Cause) string {
	have, dev := name(c.Reason.Have), name(c.Reason.Want)
	switch {
	case c.Reason.Have.IsZero():
		return "a neighbour: the packet goes to none"
	case c.State == whynot.CauseIs:
		return fmt.Sprintf("the neighbour %s on %s, which does not answer (FAILED)", have, dev)
	case c.State == whynot.CausePossible:
		return fmt.Sprintf("the neighbour %s on %s, of which nothing is known yet: programs get this after some seconds if it does not answer", have, dev)
	}
	return fmt.Sprintf("the neighbour %s on %s: it has answered", have, dev)
}

// silence says that no answer comes.
func (x caused) silence(c *report.Cause) string {
	switch {
	case c.State == whynot.CauseIs:
		if c.Reason.Code == lookup.NoteNoPort {
			return "a way out that is dead: " + name(c.Reason.Have) + " has no port"
		}
		return "a way out that is dead: " + x.wayOutWords()
	case c.State == whynot.CauseNot:
		return "silence: the packet does not even leave"
	}
	return fmt.Sprintf("a packet or an answer that is lost on the way: routewhy %s --reply looks at the way back", x.asked())
}

// asked is the packet's destination, and the flags that were given with it and that choose its
// way.
func (x caused) asked() string {
	q := x.Looked()
	text := x.label()
	if q.From.IsValid() && q.Has(lookup.FieldFrom) {
		text += " --from " + q.From.String()
	}
	if q.Oif != "" && q.Has(lookup.FieldOif) {
		text += " --oif " + iproute2.Safe(q.Oif)
	}
	if q.Has(lookup.FieldMark) {
		text += fmt.Sprintf(" --mark %#x", q.Marked())
	}
	if q.UID != nil && q.Has(lookup.FieldUID) {
		text += fmt.Sprintf(" --uid %d", *q.UID)
	}
	return text
}

// wayOutWords say why no packet gets out.
func (x caused) wayOutWords() string {
	w := x.Why
	have := name(w.Have)
	switch w.Code {
	case "gateway-failed", "target-failed":
		return have + " does not answer"
	case "no-carrier":
		return have + " has no carrier"
	case "device-down":
		return have + " is down"
	}
	return string(w.Code)
}

func icmpCause(e route.Errno) string {
	switch e {
	case route.ECONNRESET:
		return "the other end, or a firewall on the way, which ended the connection (a TCP reset)"
	case route.EHOSTDOWN:
		return "a router on the way says so (ICMP \"host unknown\"): tcpdump -ni any icmp shows who"
	case route.ENONET:
		return "a router on the way says so (ICMP \"host isolated\"): tcpdump -ni any icmp shows who"
	case route.ENOPROTOOPT:
		return "the other end does not have the protocol (ICMP \"protocol unreachable\"), or the socket does not have the option"
	case route.ECONNREFUSED:
		return "the other end, or a firewall there, refuses: a TCP reset, or ICMP \"port unreachable\""
	case route.EHOSTUNREACH:
		return "a router on the way says so (ICMP \"host unreachable\"): tcpdump -ni any icmp shows who"
	case route.EACCES:
		return "a router on the way says so (ICMPv6 \"administratively prohibited\"): tcpdump -ni any icmp6 shows who"
	}
	return "a router on the way says so (ICMP \"network unreachable\"): tcpdump -ni any icmp shows who"
}

func firewallCause(e route.Errno) string {
	switch e {
	case route.EPERM:
		return "a firewall of this host that drops what it sends (chain output), or a BPF program: nft list ruleset"
	case route.ETIMEDOUT:
		return "a firewall that drops packets or answers, here or on the way: nft list ruleset"
	}
	return "a firewall that rejects with that error, here or on the way: nft list ruleset"
}
