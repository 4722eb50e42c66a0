package text

import (
	"fmt"

	"routewhy/lookup/listen"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// listening is the part of the headline about the sockets.
func (e told) listening() string {
	l := e.Sockets
	if l == nil || l.Unread != "" || e.WayOut != "" {
		return ""
	}
	switch n := len(l.Receivers); {
	case n == 0:
		return "; nothing listens there: refused"
	case n == 1:
		return "; " + receiver(&l.Receivers[0].Socket) + " takes it"
	default:
		return fmt.Sprintf("; one of %s sockets takes it", numeral(n))
	}
}

// receiver names a socket by its process, if the process is known.
func receiver(x *report.Socket) string {
	if len(x.Processes) > 0 {
		return iproute2.Safe(x.Processes[0].Name)
	}
	return "a socket of " + holder(x)
}

// holder names the process that holds a socket.
func holder(x *report.Socket) string {
	switch n := len(x.Processes); {
	case n == 1:
		return fmt.Sprintf("%s (%d)", iproute2.Safe(x.Processes[0].Name), x.Processes[0].PID)
	case n > 1:
		return fmt.Sprintf("%s (%d and %d more)", iproute2.Safe(x.Processes[0].Name), x.Processes[0].PID, n-1)
	case x.ProcessesUnread:
		return fmt.Sprintf("uid %d", x.UID)
	}
	return "no process"
}

// bound is the address that a socket is bound to.
func bound(x *report.Socket) string {
	a := x.Local.String()
	if x.Dev != "" {
		a += "%" + iproute2.Safe(x.Dev)
	}
	if x.Family == "inet6" {
		return "[" + a + "]"
	}
	return a
}

// socketName is a socket and the process that holds it.
func socketName(x *report.Socket) string {
	return fmt.Sprintf("%s %s:%d, %s", x.Protocol, bound(x), x.Port, holder(x))
}

// listeners writes which socket takes the packet, and why the others do not.
func (p *page) listeners(e told) {
	l := e.Sockets
	if l == nil {
		return
	}
	dead := e.WayOut != ""
	switch none := len(l.Receivers) == 0; {
	case l.Unread != "":
		p.detail("socket", "cannot tell: "+iproute2.Safe(l.Unread), yellow)
	case none && dead:
		p.detail("socket", "none, and the sender gets no error: what is sent is lost, and connect(2) times out", red)
	case dead:
		p.detail("socket", "nothing arrives there: what is sent is lost, and connect(2) times out", red)
	case none && l.IPProto == "tcp":
		p.detail("socket", "none: the connection is refused (ECONNREFUSED)", red)
	case none:
		p.detail("socket", "none: the datagram is refused (ICMP port unreachable, ECONNREFUSED)", red)
	}
	for i := range l.Receivers {
		c := &l.Receivers[i]
		alike := alikeReceivers(l, c)
		if alike[0] != i {
			continue // the first of them says it
		}
		text := socketName(&c.Socket) + ", takes it"
		if dead {
			text = socketName(&c.Socket) + ", would take it"
		}
		if c.Reason.Code == listen.CodeOneOf {
			text = socketName(&c.Socket) + ": one of those that share the port, any may take it"
		}
		if n := len(alike); n > 1 {
			text = fmt.Sprintf("%s: %d sockets that share the port, any may take it", socketName(&c.Socket), n)
		}
		p.detail("socket", text, plain)
	}
	for i := range l.Misses {
		if i == maxMisses && !p.st.Verbose {
			p.detail("", fmt.Sprintf("and %d more (-v lists them)", len(l.Misses)-i), dim)
			break
		}
		label := ""
		if i == 0 {
			label = "not"
		}
		p.detail(label, socketName(&l.Misses[i].Socket)+": "+miss(l, l.Misses[i].Reason), dim)
	}
	switch {
	case len(l.Receivers) > 0:
		p.detail("", "the firewall is not consulted", dim)
	case l.Unread == "":
		p.detail("", "the firewall is not consulted: it may lead the packet to another port or host (NAT), as Docker and Kubernetes do", dim)
	}
}

// alikeReceivers are those sockets that take the packet, are bound in the same way as the given
// one, and belong to a process of the same name. They are given as indexes.
func alikeReceivers(l *report.Sockets, c *report.Contender) []int {
	var out []int
	for i := range l.Receivers {
		o := &l.Receivers[i]
		if o.Reason.Code == c.Reason.Code && bound(&o.Socket) == bound(&c.Socket) && o.Port == c.Port && process(&o.Socket) == process(&c.Socket) {
			out = append(out, i)
		}
	}
	return out
}

// process is the name of the process that holds a socket; empty: it is not known.
func process(x *report.Socket) string {
	if len(x.Processes) == 0 {
		return ""
	}
	return x.Processes[0].Name
}

// maxMisses is how many near misses are told without -v.
const maxMisses = 6

// miss says why a socket does not take the packet.
func miss(l *report.Sockets, r report.Reason) string {
	switch r.Code {
	case listen.CodeV6Only:
		return "takes no IPv4 (v6only)"
	case listen.CodeFamily:
		return "an IPv4 socket"
	case listen.CodeAddress:
		return fmt.Sprintf("listens on %s only, not on %s", r.Want, l.Dst.Addr())
	case listen.CodeDevice:
		return fmt.Sprintf("only what comes in on %s, and this counts as received on %s", name(r.Want), name(r.Have))
	case listen.CodeVRF:
		return fmt.Sprintf("bound to no device, and the packet is %s's (l3mdev_accept is off)", name(r.Have))
	}
	return outranked(r)
}

// outranked says what comes before a socket that could also take the packet.
func outranked(r report.Reason) string {
	switch r.Code {
	case listen.CodeExact:
		return "bound to every address, and one bound to this very address goes first"
	case listen.CodeBound:
		return "one bound to the device goes first"
	case listen.CodeFamily4:
		return "an IPv4 socket goes first"
	case listen.CodePeer:
		return "the one connected to the sender goes first"
	case listen.CodeOrder:
		return "another group of sockets that share the port goes first"
	}
	return string(r.Code)
}
