package text

import (
	"fmt"
	"strings"

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
	case c.State == whynot.CauseNot && c.Reason.Code == lookup.NoteNoPeer:
		return dev + ", which has no peer for the destination: then UDP gets ENOKEY, and TCP EHOSTUNREACH"
	case c.State == whynot.CauseNot && dev != "":
		return dev + ", of which a peer takes the destination"
	case c.State == whynot.CauseNot:
		return "WireGuard: the packet does not go into such a device"
	case e == route.ENOKEY || c.Reason.Code == lookup.NoteNoPeer:
		return dev + ", which has no peer for the destination: wg show " + dev + " allowed-ips"
	default:
		return dev + ", whose peer has no endpoint yet: wg show " + dev + " endpoints"
	}
}

// deadEnd says why nobody answers by the packet's device.
func (x caused) deadEnd(c *report.Cause) string {
	dev := name(c.Reason.Have)
	what := dev + ", which has no carrier"
	switch {
	case c.Reason.Code == lookup.NoteNoPort:
		what = dev + ", a bridge without a port"
	case c.Reason.Code == lookup.FaultDown:
		what = dev + ", which is down"
	case c.Reason.Code == "" || c.Reason.Code == c.Code:
		return "a device without carrier: " + negated(!x.Disposition.Success(), "the packet's device has one", "the packet does not leave")
	}
	switch c.State {
	case whynot.CauseNot:
		return what + ": no neighbour is asked for there, so what is sent is lost, and connect(2) of TCP gets ETIMEDOUT"
	case whynot.CausePossible:
		return what + ": programs get this after some seconds if a neighbour is asked for, and else ETIMEDOUT"
	}
	return what + ": nobody answers there, and programs get this after some seconds"
}

// givesUp is when TCP reports a timeout although a neighbour does not answer: it hears of that
// after three seconds, unless the neighbour's settings are others.
const givesUp = ", unless TCP gives up first (tcp_syn_retries = 1, TCP_USER_TIMEOUT)"

// neighbour is the cause about a neighbour of this host.
func (x caused) neighbour(c *report.Cause) string {
	have, dev := name(c.Reason.Have), name(c.Reason.Want)
	state := x.neighbourState(have)
	fixed := strings.Contains(state, "PERMANENT") || strings.Contains(state, "NOARP")
	who := fmt.Sprintf("the neighbour %s on %s", have, dev)
	switch {
	case c.Reason.Have.IsZero():
		return "a neighbour: the packet goes to none"
	case fixed && c.State == whynot.CausePossible:
		return who + ", if it is not there: its entry is " + state + ", so nobody asks for it, and what is sent is lost"
	case fixed:
		return who + ": its entry is " + state + ", so nobody asks for it, whether or not it is there"
	case c.State == whynot.CauseNot && x.r.Errno == route.ETIMEDOUT:
		return who + negated(strings.Contains(state, "FAILED"), ": if it does not answer, programs get EHOSTUNREACH"+givesUp, ", which does not answer (FAILED): programs get EHOSTUNREACH")
	case c.State == whynot.CauseIs:
		return who + ", which does not answer (FAILED)"
	case c.State == whynot.CausePossible:
		return who + ", of which nothing is known yet: programs get this after some seconds if it does not answer"
	}
	return who + ": it has answered"
}

// neighbourState is the state of the entry of a neighbour to which the packet goes; empty: it
// is not known.
func (x caused) neighbourState(a string) string {
	for i := range x.NextHops {
		if h := &x.NextHops[i]; h.Gateway.IsValid() && h.Gateway.String() == a || !h.Gateway.IsValid() && x.Looked().Addr().WithZone("").String() == a {
			return h.Neighbour
		}
	}
	return ""
}

// silence says that no answer comes.
func (x caused) silence(c *report.Cause) string {
	switch dead := x.deadWay(c); {
	case c.State == whynot.CauseIs:
		return "a way out that is dead: " + dead
	case dead != "" && c.State == whynot.CausePossible:
		return "a way out that is dead: " + dead + "; but if a neighbour is asked for there, programs get EHOSTUNREACH after some seconds"
	case dead != "":
		return "a way out that is dead: " + dead + ", but then programs get EHOSTUNREACH after some seconds" + givesUp
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

// deadWay says why no packet gets out, for a cause that is about this; empty: some may.
func (x caused) deadWay(c *report.Cause) string {
	switch c.Reason.Code {
	case "", c.Code:
		return ""
	case lookup.NoteNoPort:
		return name(c.Reason.Have) + " has no port"
	}
	return x.wayOutWords()
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
	return wrong(w, true)
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
