package render

import (
	"fmt"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Listeners is what becomes of a packet to a port among this host's sockets.
type Listeners struct {
	// Snapshot has the sockets, and what could not be read of them.
	Snapshot *route.Snapshot
	Verdict  listen.Verdict
}

// Unread says why it cannot be told; empty: it can.
func (l *Listeners) Unread() string {
	for _, g := range l.Snapshot.Gaps {
		if g.Fact == route.FactSockets && len(l.Verdict.Receivers) == 0 {
			return iproute2.Safe(g.Why)
		}
	}
	return ""
}

// name is a socket and who holds it.
func (l *Listeners) name(x *route.Socket) string {
	return fmt.Sprintf("%s:%d, %s", socketAddr(l.Snapshot, x), x.Local.Port(), ownerText(l.Snapshot, x))
}

// listening is the part of the headline about the sockets.
func (e *Explanation) listening() string {
	l := e.Listeners
	if l == nil || l.Unread() != "" || e.DeadEnd().Code != "" {
		return ""
	}
	switch n := len(l.Verdict.Receivers); {
	case n == 0:
		return "; nothing listens there: refused"
	case n == 1:
		return "; " + taker(l.Snapshot, l.Verdict.Receivers[0].Socket) + " takes it"
	default:
		return fmt.Sprintf("; one of %s sockets takes it", numeral(n))
	}
}

// taker names a socket by its process where that is known.
func taker(s *route.Snapshot, x *route.Socket) string {
	if len(x.Owners) > 0 {
		return iproute2.Safe(x.Owners[0].Name)
	}
	return "a socket of " + ownerText(s, x)
}

// listeners writes which socket takes the packet, and why others do not.
func (p *page) listeners(e *Explanation) {
	l := e.Listeners
	if l == nil {
		return
	}
	w := words{l.Snapshot}
	proto := (&route.Socket{Proto: l.Verdict.Packet.Proto}).ProtoName()
	switch {
	case l.Unread() != "":
		p.detail("socket", "cannot tell: "+l.Unread(), yellow)
	case len(l.Verdict.Receivers) == 0 && e.DeadEnd().Code != "":
		p.detail("socket", "none, and nobody says so: what is sent is lost, and connect(2) times out", red)
	case e.DeadEnd().Code != "":
		p.detail("socket", "nothing arrives there: what is sent is lost, and connect(2) times out", red)
	case len(l.Verdict.Receivers) == 0 && proto == "tcp":
		p.detail("socket", "none: the connection is refused (ECONNREFUSED)", red)
	case len(l.Verdict.Receivers) == 0:
		p.detail("socket", "none: the datagram is refused (ICMP port unreachable, ECONNREFUSED)", red)
	}
	for i, c := range l.Verdict.Receivers {
		alike := l.alike(c)
		if alike[0] != i {
			continue // said with the first of them
		}
		text := proto + " " + l.name(c.Socket) + ", takes it"
		if e.DeadEnd().Code != "" {
			text = proto + " " + l.name(c.Socket) + ", would take it"
		}
		if c.Reason.Code == listen.CodeOneOf {
			text = proto + " " + l.name(c.Socket) + ": one of those that share the port, any may take it"
		}
		if n := len(alike); n > 1 {
			text = fmt.Sprintf("%s %s: %d sockets that share the port, any may take it", proto, l.name(c.Socket), n)
		}
		p.detail("socket", text, plain)
	}
	for i, c := range l.Verdict.Misses {
		if i == maxMisses && !p.st.Verbose {
			p.detail("", fmt.Sprintf("and %d more (-v lists them)", len(l.Verdict.Misses)-i), dim)
			break
		}
		label := ""
		if i == 0 {
			label = "not"
		}
		p.detail(label, proto+" "+l.name(c.Socket)+": "+w.miss(&l.Verdict, c), dim)
	}
	if len(l.Verdict.Receivers) > 0 {
		p.detail("", "the firewall is not consulted", dim)
	}
}

// alike are the takers that are bound as one is, and belong to a process of the same
// name, by their places.
func (l *Listeners) alike(c listen.Candidate) []int {
	var out []int
	for i, o := range l.Verdict.Receivers {
		if o.Reason.Code == c.Reason.Code && socketAddr(l.Snapshot, o.Socket) == socketAddr(l.Snapshot, c.Socket) &&
			o.Socket.Local.Port() == c.Socket.Local.Port() && process(o.Socket) == process(c.Socket) {
			out = append(out, i)
		}
	}
	return out
}

// process is the name of the process that holds a socket; empty: it is not known.
func process(x *route.Socket) string {
	if len(x.Owners) == 0 {
		return ""
	}
	return x.Owners[0].Name
}

// maxMisses is how many near misses are told without -v.
const maxMisses = 6

// miss says why a socket does not take the packet.
func (w words) miss(v *listen.Verdict, c listen.Candidate) string {
	r := c.Reason
	switch r.Code {
	case listen.CodeV6Only:
		return "takes no IPv4 (v6only)"
	case listen.CodeFamily:
		return "a socket of IPv4"
	case listen.CodeAddress:
		return fmt.Sprintf("listens on %v only, not on %s", r.Want, v.Packet.Dst.Addr())
	case listen.CodeDevice:
		return fmt.Sprintf("only what comes in on %s, and this counts as received on %s", w.link(r.Want), w.link(r.Have))
	case listen.CodeVRF:
		return fmt.Sprintf("bound to no device, and the packet is %s's (l3mdev_accept is off)", w.link(r.Have))
	case listen.CodeConnected:
		return fmt.Sprintf("connected to %v", r.Want)
	}
	return w.outranked(r)
}

// outranked says what goes before a socket that could take the packet.
func (w words) outranked(r lookup.Reason) string {
	switch r.Code {
	case listen.CodeExact:
		return "bound to every address, and one bound to this very address goes first"
	case listen.CodeBound:
		return "one bound to the device goes first"
	case listen.CodeFamily4:
		return "a socket of IPv4 goes first"
	case listen.CodePeer:
		return "the one connected to the sender goes first"
	case listen.CodeOrder:
		return "another group of sockets that share the port goes first"
	}
	return string(r.Code)
}

// jsonListening is the same in JSON.
type jsonListening struct {
	Dst       string          `json:"dst"`
	Port      uint16          `json:"port"`
	IPProto   string          `json:"ipproto"`
	Dev       string          `json:"dev"`
	Errno     route.Errno     `json:"errno,omitzero"`
	Unread    string          `json:"unread,omitempty"`
	Receivers []jsonContender `json:"takers"`
	Misses    []jsonContender `json:"misses"`
}

type jsonContender struct {
	jsonSocket
	Reason lookup.Reason `json:"reason"`
}

func (e *Explanation) listeningJSON() *jsonListening {
	l := e.Listeners
	if l == nil {
		return nil
	}
	p := &l.Verdict.Packet
	j := &jsonListening{
		Dst: netip.PrefixFrom(p.Dst.Addr(), p.Dst.Addr().BitLen()).String(), Port: p.Dst.Port(), IPProto: iproute2.ProtoName(p.Proto), Dev: l.Snapshot.LinkName(p.Dev),
		Unread: l.Unread(), Receivers: candidatesJSON(l.Snapshot, l.Verdict.Receivers), Misses: candidatesJSON(l.Snapshot, l.Verdict.Misses),
	}
	if j.Unread == "" {
		j.Errno = l.Verdict.Refused()
	}
	return j
}

func candidatesJSON(s *route.Snapshot, all []listen.Candidate) []jsonContender {
	out := []jsonContender{}
	for _, c := range all {
		r := c.Reason
		for _, v := range []*any{&r.Want, &r.Have} {
			if i, ok := (*v).(int); ok {
				*v = s.LinkName(i)
			}
		}
		out = append(out, jsonContender{socketJSON(s, c.Socket), r})
	}
	return out
}
