package render

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"path"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Sockets is what listens on a host, and who can reach it.
type Sockets struct {
	Host      *listen.Host
	FIB       *lookup.FIB
	Exposures []listen.Exposure
	// Connected are the sockets with a connection, where they were asked for.
	Connected []route.Socket
	// Family restricts what is shown to one family; zero: both.
	Family route.Family
	// Changing says that the tables were changing while they were read.
	Changing bool
}

// WriteSockets writes it as text.
func WriteSockets(w io.Writer, s *Sockets, st Style) error {
	p := &page{w: w, st: st}
	text := s.headline()
	if st.Quiet && s.Changing {
		text += changingAside
	}
	p.line(p.st.paint(bold, text))
	if st.Quiet {
		return p.err
	}
	rows := s.rows(st)
	width := rowWidths(rows)
	for _, scope := range scopeOrder() {
		p.socketGroup(scope, rows, width)
	}
	p.connected(s)
	p.reach(s)
	p.blank()
	for _, n := range s.notes() {
		p.detail("note", n.Text, yellow)
	}
	return p.err
}

// headline says how many sockets there are, and how far they can be reached.
func (s *Sockets) headline() string {
	count := map[int]int{}
	for i := range s.Exposures {
		count[reachOf(&s.Exposures[i])]++
	}
	var parts []string
	for i, words := range []string{"from other networks", "from neighbours alone", "from this host alone", "from nowhere", "perhaps from other networks"} {
		if n := count[i]; n > 0 {
			if len(parts) == 0 {
				words = "can be reached " + words
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	switch n := len(s.Exposures); {
	case n == 0 && len(s.gaps(route.FactSockets)) > 0:
		return "the sockets could not be read"
	case n == 0:
		return "no socket listens"
	case n == 1:
		return "1 socket listens: " + strings.TrimPrefix(strings.Join(parts, ", "), "1 ")
	default:
		return fmt.Sprintf("%d sockets listen: %s", n, strings.Join(parts, ", "))
	}
}

// reachOf is how far a socket can be reached: 0 other networks, 1 its own
// network, 2 this host, 3 nobody, 4 perhaps other networks: that is not known.
func reachOf(e *listen.Exposure) int {
	if e.Scope == listen.ScopeGroup {
		return 1
	}
	best, unknown := 3, false
	for i := range e.Locals {
		switch e.Locals[i].From {
		case listen.FromAnywhere:
			return 0
		case listen.FromHost:
			best = min(best, 2)
		case listen.FromUnknown:
			unknown = true
		default:
			best = min(best, 1)
		}
	}
	if unknown {
		return 4
	}
	return best
}

func scopeOrder() []listen.Scope {
	return []listen.Scope{
		listen.ScopeAll, listen.ScopeAddress, listen.ScopeGroup, listen.ScopeLoopback, listen.ScopeGone, listen.ScopeUnknown,
	}
}

func scopeTitle(s listen.Scope) string {
	switch s {
	case listen.ScopeAll:
		return "on every address"
	case listen.ScopeAddress:
		return "on one address"
	case listen.ScopeGroup:
		return "on a multicast or broadcast address"
	case listen.ScopeLoopback:
		return "on a loopback address"
	case listen.ScopeGone:
		return "on an address that this host does not have"
	}
	return "on an address of which nothing is known"
}

// socketRow is one line, or several sockets that are alike.
type socketRow struct {
	scope                    listen.Scope
	proto, addr, ports, who  string
	process                  string // its name; empty: not known
	several                  bool   // processes of that name
	remark                   string
	tint                     ink
	first, last, count, port uint16
}

func (r *socketRow) address() string { return r.addr + ":" + r.ports }

// rows are the lines, ordered by port. Sockets that are alike share one: those
// of one port, and without -v those of a row of ports.
func (s *Sockets) rows(st Style) []socketRow {
	all := slices.Clone(s.Exposures)
	slices.SortStableFunc(all, func(a, b listen.Exposure) int {
		x, y := a.Socket, b.Socket
		if x.Local.Port() != y.Local.Port() {
			return int(x.Local.Port()) - int(y.Local.Port())
		}
		if x.Proto != y.Proto {
			return int(x.Proto) - int(y.Proto)
		}
		return x.Local.Addr().Compare(y.Local.Addr())
	})
	var out []socketRow
	for i := range all {
		r := s.row(&all[i])
		near := out[max(0, len(out)-64):] // what is alike is not far
		if j := slices.IndexFunc(near, func(o socketRow) bool { return o.joins(&r, st.Verbose) }); j >= 0 {
			near[j].last = r.port
			near[j].count++
			near[j].several = near[j].several || near[j].who != r.who
			continue
		}
		out = append(out, r)
	}
	for i := range out {
		out[i].finish()
	}
	return out
}

// joins says whether another socket belongs in the same line.
func (r *socketRow) joins(o *socketRow, verbose bool) bool {
	return r.scope == o.scope && r.proto == o.proto && r.addr == o.addr && r.remark == o.remark &&
		(r.who == o.who || r.process != "" && r.process == o.process && r.last == o.port) &&
		(r.last == o.port || r.last+1 == o.port && !verbose)
}

func (r *socketRow) finish() {
	ports := int(r.last) - int(r.first) + 1
	r.ports = fmt.Sprint(r.first)
	if ports > 1 {
		r.ports = fmt.Sprintf("%d-%d", r.first, r.last)
	}
	if r.several {
		r.who += " and others"
	}
	if n := int(r.count); n > ports {
		r.who = strings.TrimSpace(fmt.Sprintf("%s, %d sockets", r.who, n))
	}
}

func (s *Sockets) row(e *listen.Exposure) socketRow {
	x := e.Socket
	r := socketRow{
		scope: e.Scope, proto: x.ProtoName(), addr: s.bound(x), who: s.owner(x), first: x.Local.Port(), last: x.Local.Port(),
		port: x.Local.Port(), count: 1, process: process(x),
	}
	r.remark, r.tint = s.remark(e)
	return r
}

// bound is the address that a socket is bound to, with its device.
func (s *Sockets) bound(x *route.Socket) string {
	return socketAddr(s.FIB.Snapshot(), x)
}

func socketAddr(snap *route.Snapshot, x *route.Socket) string {
	a := x.Local.Addr().String()
	if x.Link != 0 {
		a += "%" + iproute2.Safe(snap.LinkName(x.Link))
	}
	if x.Family == route.IPv6 {
		return "[" + a + "]"
	}
	return a
}

// owner names the process that holds a socket.
func (s *Sockets) owner(x *route.Socket) string { return ownerText(s.FIB.Snapshot(), x) }

func ownerText(snap *route.Snapshot, x *route.Socket) string {
	switch n := len(x.Owners); {
	case n == 1:
		return fmt.Sprintf("%s (%d)", iproute2.Safe(x.Owners[0].Name), x.Owners[0].PID)
	case n > 1:
		return fmt.Sprintf("%s (%d and %d more)", iproute2.Safe(x.Owners[0].Name), x.Owners[0].PID, n-1)
	case snap.Lacks(route.FactProcesses, 0) && x.Inode != 0:
		return fmt.Sprintf("uid %d", x.UID)
	}
	return "no process"
}

// remark says what being bound like that means on this host.
func (s *Sockets) remark(e *listen.Exposure) (string, ink) {
	x := e.Socket
	w := words{s.FIB.Snapshot()}
	switch e.Scope {
	case listen.ScopeGone:
		return "nothing can reach it", red
	case listen.ScopeGroup:
		return "", plain
	case listen.ScopeAll:
		return s.remarkAll(e)
	case listen.ScopeLoopback:
		if len(e.Locals) > 0 && e.Locals[0].From == listen.FromHost {
			return "this host alone", plain
		}
	}
	var out []string
	tint := plain
	for i := range e.Locals {
		l := &e.Locals[i]
		out = append(out, w.dev(l.Link)+": "+w.fromShort(l))
		tint = worse(tint, fromInk(l))
	}
	if x.Link != 0 {
		out = append(out, "only what comes in on "+w.dev(x.Link))
	}
	return strings.Join(out, "; "), tint
}

func worse(a, b ink) ink {
	if b == plain {
		return a
	}
	return b
}

// remarkAll is the remark about a socket that is bound to every address.
func (s *Sockets) remarkAll(e *listen.Exposure) (string, ink) {
	x := e.Socket
	w := words{s.FIB.Snapshot()}
	var out []string
	switch {
	case x.DualStack():
		out = append(out, "IPv6 and IPv4")
	case x.Family == route.IPv6:
		out = append(out, "IPv6 alone (v6only)")
	}
	if x.Link != 0 {
		out = append(out, "only what comes in on "+w.dev(x.Link))
	}
	if len(e.Locals) == 0 {
		return strings.Join(append(out, "no address there: nothing can reach it"), "; "), red
	}
	if x.Link != 0 {
		for i := range e.Locals {
			out = append(out, fmt.Sprintf("%s: %s", e.Locals[i].Addr, w.fromShort(&e.Locals[i])))
		}
		return strings.Join(out, "; "), plain
	}
	tint := plain
	for i := range e.Locals {
		l := &e.Locals[i]
		for _, g := range s.Host.Locals() {
			if g.Addr == l.Addr && g.Link == l.Link && g.From != l.From {
				out = append(out, fmt.Sprintf("on %s: %s", l.Addr, w.from(l)))
				tint = worse(tint, fromInk(l))
			}
		}
	}
	return strings.Join(out, "; "), tint
}

// rowWidths are the widths of the columns of address and process.
func rowWidths(rows []socketRow) [2]int {
	var w [2]int
	for i := range rows {
		w[0] = max(w[0], min(28, columns(rows[i].address())))
		w[1] = max(w[1], min(24, columns(rows[i].who)))
	}
	return w
}

func (p *page) socketGroup(scope listen.Scope, rows []socketRow, width [2]int) {
	first := true
	for i := range rows {
		r := &rows[i]
		if r.scope != scope {
			continue
		}
		if first {
			p.blank()
			p.line(p.st.paint(bold, scopeTitle(scope)))
			first = false
		}
		head := fmt.Sprintf("  %s  %s  %s", r.proto, pad(r.address(), width[0]), pad(r.who, width[1]))
		switch {
		case r.remark == "":
			p.line(head)
		case columns(head)+2+columns(r.remark) <= p.st.width():
			p.line(head + "  " + p.st.paint(r.tint, r.remark))
		default:
			p.line(head)
			p.block("         ", r.remark, r.tint)
		}
	}
}

func (p *page) connected(s *Sockets) {
	if len(s.Connected) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, "connected"))
	for i := range s.Connected {
		x := &s.Connected[i]
		p.line(fmt.Sprintf("  %s  %s:%d to %s  %s  %s", x.ProtoName(), s.bound(x), x.Local.Port(), x.Remote, x.State, s.owner(x)))
	}
}

// reach lists this host's addresses, and from where each can be talked to.
func (p *page) reach(s *Sockets) {
	w := words{s.FIB.Snapshot()}
	var width [2]int
	var locals []listen.Local
	for _, l := range s.Host.Locals() {
		if s.Family == 0 || route.FamilyOf(l.Addr) == s.Family {
			locals = append(locals, l)
			width[0], width[1] = max(width[0], columns(localName(&l))), max(width[1], columns(w.dev(l.Link)))
		}
	}
	if len(locals) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, "this host's addresses, and from where each is reached"))
	for i := range locals {
		l := &locals[i]
		label := fmt.Sprintf("  %s  %s  ", pad(localName(l), width[0]), pad(w.dev(l.Link), width[1]))
		p.block(label, w.from(l), fromInk(l))
	}
}

func localName(l *listen.Local) string {
	if l.Addr.IsLoopback() && l.Addr.Is4() {
		return l.Network.String()
	}
	return l.Addr.String()
}

// from says from where an address can be talked to.
func (w words) from(l *listen.Local) string {
	text := w.fromWhere(l)
	if l.Down {
		text += "; " + w.dev(l.Link) + " is down"
	}
	return text
}

// fromShort is the same where the list of addresses says the rest.
func (w words) fromShort(l *listen.Local) string {
	if l.From == listen.FromAnywhere && !l.Down {
		return anywhere(l.Addr)
	}
	return w.from(l)
}

// anywhere says from where an address is reached that answers to all networks: a
// private one is known to those of its own site alone.
func anywhere(a netip.Addr) string {
	if a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a) {
		return "other networks that lead to this private address"
	}
	return "anywhere"
}

func (w words) fromWhere(l *listen.Local) string {
	switch l.From {
	case listen.FromAnywhere:
		return anywhere(l.Addr) + ": answers leave " + w.leave(&l.Reply)
	case listen.FromOther:
		return fmt.Sprintf("%s; others on paper only: answers leave %s, not %s", l.Network, w.leave(&l.Reply), w.dev(l.Link))
	case listen.FromNetwork:
		if l.Reply.Disposition == lookup.DispositionNoRoute || l.Reply.Disposition.Success() {
			return w.network(l) + ": answers to other networks have no route"
		}
		return fmt.Sprintf("%s: answers to other networks are refused (%s)", w.network(l), l.Reply.Errno)
	case listen.FromFiltered:
		why := "dropped on arrival"
		if l.Arrives.Shortcut == lookup.ShortcutReversePath {
			why = "dropped by the reverse-path filter: the answers would leave " + w.leave(&l.Reply)
		}
		return fmt.Sprintf("%s: what comes from other networks is %s", w.network(l), why)
	case listen.FromLink:
		return w.dev(l.Link) + "'s link"
	case listen.FromHost:
		return "this host alone"
	case listen.FromLocalnet:
		return "this host, and neighbours of devices with route_localnet"
	}
	return w.fromUnknown(l)
}

// fromUnknown says what it hangs on who can talk to an address.
func (w words) fromUnknown(l *listen.Local) string {
	why := l.Arrives.SetBy
	switch {
	case l.Reply.Disposition == lookup.DispositionUnknown && l.Reply.SetBy.Code != "":
		return "cannot tell: " + w.uncertain(l.Reply.SetBy)
	case why.Code == lookup.CodeSettingUnread:
		return fmt.Sprintf("%s; others as %s on %s has it, which is not known: answers leave %s", l.Network,
			path.Base(fmt.Sprint(why.Want)), w.dev(l.Link), w.leave(&l.Reply))
	case why.Code != "":
		return "cannot tell: " + w.uncertain(why)
	}
	fam := route.FamilyOf(l.Addr)
	if w.snap.Lacks(route.FactRoutes, fam) {
		return "cannot tell: the routes could not be read" + because(w.snap.WhyLacks(route.FactRoutes, fam))
	}
	return "cannot tell: the policy rules could not be read" + because(w.snap.WhyLacks(route.FactRules, fam))
}

// network names the clients that are neighbours.
func (w words) network(l *listen.Local) string {
	if l.Network.IsSingleIP() {
		return "this host alone"
	}
	return l.Network.String() + " alone"
}

// leave says by which way an answer goes.
func (w words) leave(d *lookup.Decision) string {
	if len(d.Ways) == 0 {
		return "nowhere"
	}
	way := d.Ways[0]
	text := "by " + w.dev(way.Link)
	if way.Gateway.IsValid() {
		text += " via " + way.Gateway.String()
	}
	if len(d.Ways) > 1 {
		text += " or " + agree(len(d.Ways)-1, "other way", "other ways")
	}
	return text
}

func fromInk(l *listen.Local) ink {
	switch l.From {
	case listen.FromOther, listen.FromNetwork, listen.FromFiltered, listen.FromLocalnet, listen.FromUnknown:
		return yellow
	}
	return plain
}

// notes are what has to be said once.
func (s *Sockets) notes() []Remark {
	out := []Remark{{"firewall", "the firewall is not consulted: it may drop what is said to arrive here"}}
	snap := s.FIB.Snapshot()
	if s.Changing {
		out = append(out, changingRemark())
	}
	for _, g := range s.gaps(route.FactSockets) {
		out = append(out, Remark{"sockets-unread", "sockets are missing: " + iproute2.Safe(g.Why)})
	}
	for _, g := range s.gaps(route.FactProcesses) {
		out = append(out, Remark{"processes-hidden", "process names are missing: " + iproute2.Safe(g.Why)})
	}
	if snap.Lacks(route.FactSysctls, route.IPv4) {
		out = append(out, Remark{"route-localnet-unread", "127.0.0.0/8 is taken as this host's alone: whether route_localnet opens it to neighbours is not known"})
	}
	if devs := s.Host.Localnet(); len(devs) > 0 {
		names := make([]string, len(devs))
		for i, d := range devs {
			names[i] = snap.LinkName(d)
		}
		out = append(out, Remark{"route-localnet", "127.0.0.0/8 can be reached by neighbours on " +
			iproute2.Safe(strings.Join(names, ", ")) + ": route_localnet is on"})
	}
	return out
}

func (s *Sockets) gaps(f route.Fact) []route.Gap {
	var out []route.Gap
	for _, g := range s.FIB.Snapshot().Gaps {
		if g.Fact == f {
			out = append(out, g)
		}
	}
	return out
}

// The JSON form.
type jsonSockets struct {
	Sockets   []jsonListener `json:"sockets"`
	Connected []jsonSocket   `json:"connected,omitempty"`
	Addresses []jsonLocal    `json:"addresses"`
	Warnings  []Remark       `json:"warnings,omitempty"`
}

// jsonSocket is a socket, in names that ss(8) and ip(8) have where they do.
type jsonSocket struct {
	Protocol  string            `json:"protocol"`
	Family    string            `json:"family"`
	Local     string            `json:"local"`
	Port      uint16            `json:"port"`
	Peer      string            `json:"peer,omitempty"`
	PeerPort  uint16            `json:"peer_port,omitempty"`
	Dev       string            `json:"dev,omitempty"`
	State     route.SocketState `json:"state"`
	V6Only    *bool             `json:"v6only,omitempty"`
	Mark      uint32            `json:"mark,omitempty"`
	UID       uint32            `json:"uid"`
	Inode     uint32            `json:"inode,omitempty"`
	Processes []jsonProcess     `json:"processes,omitempty"`
}

type jsonProcess struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

type jsonListener struct {
	jsonSocket
	Scope     listen.Scope `json:"scope"`
	Addresses []jsonLocal  `json:"addresses"`
}

// jsonLocal is an address of this host and from where it is reached.
type jsonLocal struct {
	Address string      `json:"address"`
	Network string      `json:"network"`
	Dev     string      `json:"dev"`
	VRF     string      `json:"vrf,omitempty"`
	Down    bool        `json:"down,omitempty"`
	From    listen.From `json:"from"`
	Client  string      `json:"client,omitempty"`
	Reply   *jsonNext   `json:"reply,omitempty"`
}

// JSON is what [WriteSocketsJSON] writes.
func (s *Sockets) JSON() any {
	snap := s.FIB.Snapshot()
	j := jsonSockets{Sockets: []jsonListener{}, Addresses: localsJSON(snap, s.Host.Locals()), Warnings: s.notes()}
	for i := range s.Exposures {
		j.Sockets = append(j.Sockets, listenerJSON(snap, &s.Exposures[i]))
	}
	for i := range s.Connected {
		j.Connected = append(j.Connected, socketJSON(snap, &s.Connected[i]))
	}
	return j
}

// WriteSocketsJSON writes it as one JSON object.
func WriteSocketsJSON(w io.Writer, s *Sockets) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(s.JSON())
}

func listenerJSON(snap *route.Snapshot, e *listen.Exposure) jsonListener {
	return jsonListener{socketJSON(snap, e.Socket), e.Scope, localsJSON(snap, e.Locals)}
}

func socketJSON(snap *route.Snapshot, x *route.Socket) jsonSocket {
	j := jsonSocket{
		Protocol: x.ProtoName(), Family: familyJSON(x.Family), Local: x.Local.Addr().String(), Port: x.Local.Port(),
		State: x.State, Mark: x.Mark, UID: x.UID, Inode: x.Inode,
	}
	if x.Remote.Port() != 0 {
		j.Peer, j.PeerPort = x.Remote.Addr().String(), x.Remote.Port()
	}
	if x.Link != 0 {
		j.Dev = snap.LinkName(x.Link)
	}
	if x.Family == route.IPv6 && x.Listens() {
		j.V6Only = &x.V6Only
	}
	for _, o := range x.Owners {
		j.Processes = append(j.Processes, jsonProcess(o))
	}
	return j
}

func localsJSON(snap *route.Snapshot, locals []listen.Local) []jsonLocal {
	out := []jsonLocal{}
	for i := range locals {
		l := &locals[i]
		j := jsonLocal{
			Address: l.Addr.String(), Network: l.Network.String(), Dev: snap.LinkName(l.Link), Down: l.Down, From: l.From,
			Client: addr(l.Client),
		}
		if l.VRF != 0 {
			j.VRF = snap.LinkName(l.VRF)
		}
		if l.Client.IsValid() {
			j.Reply = nextJSON(snap, &l.Reply)
		}
		out = append(out, j)
	}
	return out
}
