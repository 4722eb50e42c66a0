package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// someRefused says what part of all flows the kernel refuses, if that depends on the
// next hop that a hash chooses for them.
func (e told) someRefused() string {
	some := e.SomeRefused
	switch {
	case some == nil, len(e.BySource) > 0 && e.Twice: // it is said for each source
		return ""
	case e.Looked().Iif != "":
		why := "reverse-path filter"
		if e.Ambiguous.Code != lookup.CodeReversePathSome {
			why = "a next hop's device has no IPv4"
		}
		return fmt.Sprintf("; %s dropped (%s, %s)", flowsAre(some.Share), why, some.Errno)
	}
	return fmt.Sprintf("; %s refused: %s", flowsAre(some.Share), errnoWords(some.Errno))
}

// flowsAre is a part of all flows, as the subject of a sentence.
func flowsAre(part float64) string {
	switch text := share(part); {
	case part == 0:
		return "some flows are"
	case text == "1 in 2":
		return "half of all flows are"
	case strings.HasPrefix(text, "1 in "):
		return text + " flows is"
	case strings.HasSuffix(text, "%"):
		return text + " of all flows are"
	default:
		return text + " flows are"
	}
}

// seen is what the sender sees if its packet is refused. A program of this host sees
// an error. Another host sees an ICMP message (ip_error in net/ipv4/route.c,
// ip6_pkt_drop in net/ipv6/route.c), or nothing.
func (e told) seen(d *report.Decision) string {
	if e.Looked().Iif == "" {
		return errnoWords(programErrno(d))
	}
	if d.Disposition == lookup.DispositionBlackhole || e.Noted(lookup.NoteErrorLost) {
		return "it is dropped, and its sender gets nothing"
	}
	text := "its sender gets " + icmpError(e.Looked().Addr().Is6(), d.Errno)
	if e.Noted(lookup.NoteErrorUnsure) {
		text += ", if this host has a route to it"
	}
	return text
}

// icmpError is the error that the sender of a packet gets when the packet is refused.
func icmpError(six bool, why route.Errno) string {
	switch {
	case why == route.EACCES && six:
		return `ICMPv6 "administratively prohibited"`
	case why == route.EACCES:
		return `ICMP "administratively prohibited"`
	case six:
		return `ICMPv6 "no route to destination"`
	case why == route.EHOSTUNREACH:
		return `ICMP "host unreachable"`
	}
	return `ICMP "network unreachable"`
}

// programErrno is the error that a program gets.
func programErrno(d *report.Decision) route.Errno { return cmp.Or(d.ProgramErrno, d.Errno) }

// errnoWords is what a program sees.
func errnoWords(e route.Errno) string {
	return fmt.Sprintf("programs get %s, %q", e, e.Text())
}

// refuser names what refuses: a route or a rule.
func refuser(d *report.Decision) string {
	if r := d.Route; r != nil {
		if d.Disposition == lookup.DispositionBlackhole && r.Type == typeUnicast {
			return fmt.Sprintf(": %s leads to the blackhole nexthop object %d in %s", r.Dst, r.NHID, tableWords(r.Table))
		}
		return ": " + r.Destination() + " in " + tableWords(r.Table)
	}
	sel := cmp.Or(d.Rule.Selector(), "from all")
	return fmt.Sprintf(" by rule %d (%s: %s)", d.Rule.Priority, sel, d.Rule.Does())
}

// typeUnread is the finding that a listing does not show how the route refuses; nil: it does.
func (e told) typeUnread() *report.Finding {
	for i := range e.Assumptions {
		if e.Assumptions[i].Code == report.AssumedType {
			return &e.Assumptions[i]
		}
	}
	return nil
}

// somehow says what refuses, and what the sender may see, where the route's type is not known.
func (e told) somehow(a *report.Finding) string {
	what := fmt.Sprintf(" by %s in %s, whose type the listing does not show; ", a.Route.Dst, tableWords(a.Route.Table))
	if e.Looked().Iif != "" {
		return what + "it is dropped, and its sender gets an ICMP error or nothing"
	}
	return what + "programs get " + errnosOfRefusal(e.Looked().Addr().Is6())
}

// errnosOfRefusal are what programs may get where a listing shows only that a route refuses.
// In IPv4 it shows that alone of types unreachable and prohibit (fib_flag_trans in
// net/ipv4/fib_trie.c).
func errnosOfRefusal(six bool) string {
	if six {
		return "EHOSTUNREACH, EACCES, EINVAL or ENETUNREACH"
	}
	return "EHOSTUNREACH or EACCES"
}

// invalid says why the kernel rejects the packet itself.
func (e told) invalid(d *report.Decision) string {
	f := e.Looked()
	switch d.Shortcut {
	case lookup.ShortcutSource:
		return fmt.Sprintf("is refused: %s cannot be a source; %s", f.From, errnoWords(d.Errno))
	case lookup.ShortcutNotLocal:
		return fmt.Sprintf("is refused: %s is not an address of this host; %s", f.From, errnoWords(d.Errno))
	case lookup.ShortcutDown:
		return fmt.Sprintf("is refused: %s is down; %s", iproute2.Safe(cmp.Or(f.Oif, f.VRF)), errnoWords(d.Errno))
	case lookup.ShortcutNoIPv4:
		return e.withoutIPv4(d)
	case lookup.ShortcutLoopback:
		device := iproute2.Safe(cmp.Or(f.Oif, f.VRF))
		if d.Route != nil {
			device = "the device of " + by(d)
		}
		return fmt.Sprintf("is refused: a loopback source may not leave by %s (route_localnet is off); %s", device, errnoWords(d.Errno))
	case lookup.ShortcutVRFLink:
		return "is refused: the VRF device itself has no link, name one of its devices (--oif); " + errnoWords(d.Errno)
	case lookup.ShortcutNoForwarding:
		return fmt.Sprintf("is not forwarded: forwarding is off on %s; its sender gets nothing (the kernel says %s)", iproute2.Safe(f.Iif), d.Errno)
	case lookup.ShortcutNotUnicast:
		return fmt.Sprintf("is dropped: a route of type %s cannot be forwarded to; the kernel says %s", d.Route.Type, d.Errno)
	}
	if d.Shortcut == lookup.ShortcutNotJoined && e.Looked().Addr().Is6() { // the tables were asked
		return "is dropped: " + e.dropped(d)
	}
	return "is dropped before routing: " + e.dropped(d)
}

// withoutIPv4 names the device whose MTU is too small for IPv4.
func (e told) withoutIPv4(d *report.Decision) string {
	verb, x := "is refused", d.WithoutIPv4
	if e.Looked().Iif != "" {
		verb = "is dropped"
	}
	return fmt.Sprintf("%s: %s has no IPv4, because its MTU of %d is too small (IPv4 needs 68); the kernel says %s", verb, iproute2.Safe(x.Dev), x.MTU, d.Errno)
}

// dropped says why a received packet is not let in.
func (e told) dropped(d *report.Decision) string {
	f := e.Looked()
	switch d.Shortcut {
	case lookup.ShortcutMartianSrc:
		if f.From.IsValid() && !f.From.IsUnspecified() {
			return fmt.Sprintf("%s cannot be the source of a received packet%s", f.From, e.localnet(f.From))
		}
		if f.Addr().IsMulticast() {
			return "without a source, only 224.0.0.0/24 and IGMP are taken; name the source with --from"
		}
		return "a received packet without a source is a martian; name it with --from"
	case lookup.ShortcutMartianDst:
		return fmt.Sprintf("nothing for %s may come in from outside%s", f.Addr(), e.localnet(f.Addr()))
	case lookup.ShortcutNotJoined:
		return fmt.Sprintf("%s has not joined the group", iproute2.Safe(f.Iif))
	case lookup.ShortcutOwnSource:
		return fmt.Sprintf("its source %s is this host's own address", f.From)
	case lookup.ShortcutNoIPv6:
		return fmt.Sprintf("IPv6 is switched off on %s (disable_ipv6); its sender gets nothing", iproute2.Safe(f.Iif))
	case lookup.ShortcutSmallMTU:
		return fmt.Sprintf("%s has no IPv6, because its MTU is under %d bytes; its sender gets nothing", iproute2.Safe(f.Iif), route.LeastMTU6)
	case lookup.ShortcutReversePath:
		return "reverse-path filter (rp_filter)" + e.wayBackWrong() + "programs see nothing"
	}
	return string(d.Shortcut)
}

// localnet names the setting that would let a loopback address in.
func (e told) localnet(a netip.Addr) string {
	if !a.Is4() || !a.IsLoopback() {
		return ""
	}
	return fmt.Sprintf(" (route_localnet is off on %s)", iproute2.Safe(e.Looked().Iif))
}
