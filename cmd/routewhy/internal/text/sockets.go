package text

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
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
	// LeftOut are the routes of large tables of which one alone was asked about.
	LeftOut []FarRoutes
	// Wanted says which sockets were asked for, as "on port 80"; empty: all. Address is
	// the address that was; the zero Addr: none.
	Wanted  string
	Address netip.Addr

	verbose bool
	locals  []listen.Local
	general map[localKey][]tinted // what is said about each of them
	remarks map[remarkKey]tinted
}

// FarRoutes are routes to other networks that are alike but for their destinations.
type FarRoutes struct {
	// Prefix is the destination of the one that stands for them.
	Prefix netip.Prefix
	Count  int
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
	s.prepare(st)
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
	count := map[listen.Reach]int{}
	for i := range s.Exposures {
		count[s.Exposures[i].Reach]++
	}
	var parts []string
	for _, r := range []struct {
		reach listen.Reach
		words string
	}{
		{listen.ReachFar, "from other networks"}, {listen.ReachNear, "from neighbours alone"}, {listen.ReachHost, "from this host alone"},
		{listen.ReachNobody, "from nowhere"}, {listen.ReachUnknown, "perhaps from other networks"},
	} {
		if n := count[r.reach]; n > 0 {
			if len(parts) == 0 {
				r.words = "can be reached " + r.words
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, r.words))
		}
	}
	switch n := len(s.Exposures); {
	case n == 0 && len(s.gaps(route.FactSockets)) > 0:
		return "the sockets could not be read"
	case n == 0:
		return strings.TrimSpace("no socket listens " + s.Wanted)
	case n == 1:
		return "1 socket listens: " + strings.TrimPrefix(strings.Join(parts, ", "), "1 ")
	default:
		return fmt.Sprintf("%d sockets listen: %s", n, strings.Join(parts, ", "))
	}
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
		port: x.Local.Port(), count: 1, process: oldProcess(x),
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

// remark says what being bound like that means on this host, a line each. For sockets
// that are alike it is worked out once.
func (s *Sockets) remark(e *listen.Exposure) (string, ink) {
	key := remarkKey{scope: e.Scope, family: e.Socket.Family, v6only: e.Socket.V6Only, link: e.Socket.Link}
	if len(e.Locals) > 0 {
		key.first = &e.Locals[0]
	}
	if t, ok := s.remarks[key]; ok {
		return t.text, t.ink
	}
	text, tint := s.newRemark(e)
	s.remarks[key] = tinted{text, tint}
	return text, tint
}

// remarkKey is what sockets have in common that are alike.
type remarkKey struct {
	scope  listen.Scope
	family route.Family
	v6only bool
	link   int
	first  *listen.Local
}

func (s *Sockets) newRemark(e *listen.Exposure) (string, ink) {
	x := e.Socket
	w := words{s.FIB.Snapshot()}
	var out []string
	switch {
	case e.Scope == listen.ScopeGone:
		return "nothing can reach it", red
	case e.Scope == listen.ScopeGroup:
		return "", plain
	case e.Scope != listen.ScopeAll:
	case x.DualStack():
		out = append(out, "IPv6 and IPv4")
	case x.Family == route.IPv6:
		out = append(out, "IPv6 alone (v6only)")
	}
	if x.Link != 0 {
		out = append(out, "only what comes in on "+w.dev(x.Link))
	}
	tint := plain
	if len(e.Locals) == 0 && e.Scope != listen.ScopeUnknown {
		return strings.Join(append(out, "nothing can reach it"), "; "), red
	}
	var lines []string
	for _, g := range s.grouped(e) {
		for i, t := range g.lines {
			if len(g.names) > 0 && i == 0 {
				t.text = strings.Join(g.names, ", ") + ": " + t.text
			}
			lines = append(lines, t.text)
			tint = worse(tint, t.ink)
		}
	}
	head := strings.Join(out, "; ")
	switch {
	case head == "":
	case len(lines) == 1:
		lines[0] = head + "; " + lines[0]
	default:
		lines = append([]string{head}, lines...)
	}
	return strings.Join(lines, "\n"), tint
}

// alikeLocals are addresses that the same is to be said about. They are named where
// there are others.
type alikeLocals struct {
	names []string
	lines []tinted
}

// grouped is what is to be said about a socket's addresses: of one that is bound to every
// address, only what the list of this host's addresses does not say.
func (s *Sockets) grouped(e *listen.Exposure) []alikeLocals {
	w := words{s.FIB.Snapshot()}
	var out []alikeLocals
	for i := range e.Locals {
		l := &e.Locals[i]
		if x := e.Socket; !s.verbose && e.Scope == listen.ScopeAll && x.Link != 0 && l.Reach() == listen.ReachNobody && e.Reach != listen.ReachNobody {
			continue // of another device
		}
		lines := w.reach(l, s.verbose)
		if e.Scope == listen.ScopeAll && e.Socket.Link == 0 && slices.Equal(lines, s.general[localKey{l.Prefix, l.Link}]) {
			continue
		}
		at := slices.IndexFunc(out, func(g alikeLocals) bool { return slices.Equal(g.lines, lines) })
		if at < 0 {
			at = len(out)
			out = append(out, alikeLocals{lines: lines})
		}
		name := localName(l)
		if isLinkLocal6(l.Addr()) {
			name += "%" + w.dev(l.Link) // other devices may have the same
		}
		out[at].names = append(out[at].names, name)
	}
	if len(out) == 1 && (e.Scope != listen.ScopeAll || len(out[0].names) == s.every(e.Socket)) {
		out[0].names = nil
	}
	return out
}

// every is how many addresses of this host a socket stands for that is bound to every one.
func (s *Sockets) every(x *route.Socket) int {
	n := 0
	for i := range s.locals {
		if a := s.locals[i].Addr(); a.Is4() == (x.Family == route.IPv4) || a.Is4() && x.DualStack() {
			n++
		}
	}
	return n
}

// localKey is an address of one device.
type localKey struct {
	prefix netip.Prefix
	link   int
}

// prepare keeps what is said about this host's addresses.
func (s *Sockets) prepare(st Style) {
	s.verbose, s.general, s.remarks, s.locals = st.Verbose, map[localKey][]tinted{}, map[remarkKey]tinted{}, s.Host.Locals()
	for i := range s.locals {
		l := &s.locals[i]
		s.general[localKey{l.Prefix, l.Link}] = words{s.FIB.Snapshot()}.reach(l, st.Verbose)
	}
}

func worse(a, b ink) ink {
	if b == plain {
		return a
	}
	return b
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
		case !strings.Contains(r.remark, "\n") && columns(head)+2+columns(r.remark) <= p.st.width():
			p.line(head + "  " + p.st.paint(r.tint, r.remark))
		default:
			p.line(head)
			for line := range strings.SplitSeq(r.remark, "\n") {
				p.block("         ", line, r.tint)
			}
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

// reach lists this host's addresses, and who reaches each.
func (p *page) reach(s *Sockets) {
	w := words{s.FIB.Snapshot()}
	var width [2]int
	var locals []*listen.Local
	for i := range s.locals {
		l := &s.locals[i]
		if s.shows(l) {
			locals = append(locals, l)
			width[0], width[1] = max(width[0], columns(localName(l))), max(width[1], columns(w.dev(l.Link)))
		}
	}
	if len(locals) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, "this host's addresses, and who reaches each"))
	said := map[string]string{}
	for _, l := range locals {
		lines := s.general[localKey{l.Prefix, l.Link}]
		if first, ok := said[fmt.Sprint(lines)]; ok && len(lines) > 1 {
			lines = []tinted{{"as " + first, plain}}
		} else {
			said[fmt.Sprint(lines)] = localName(l)
		}
		label := fmt.Sprintf("  %s  %s  ", pad(localName(l), width[0]), pad(w.dev(l.Link), width[1]))
		for _, t := range lines {
			p.block(label, t.text, t.ink)
			label = strings.Repeat(" ", columns(label))
		}
	}
}

// shows reports whether an address is among those that were asked for.
func (s *Sockets) shows(l *listen.Local) bool {
	return (s.Family == 0 || route.FamilyOf(l.Addr()) == s.Family) &&
		(!s.Address.IsValid() || s.Address.IsUnspecified() || l.Prefix.Contains(s.Address))
}

func localName(l *listen.Local) string { return prefixOrAddr(l.Prefix) }

// notes are what has to be said once.
func (s *Sockets) notes() []Remark {
	out := []Remark{{"firewall", "the firewall is not consulted: it may drop what is said to arrive here"}}
	if s.Changing {
		out = append(out, changingRemark())
	}
	for _, g := range s.gaps(route.FactSockets) {
		out = append(out, Remark{"sockets-unread", "sockets are missing: " + iproute2.Safe(g.Why)})
	}
	for _, g := range s.gaps(route.FactProcesses) {
		out = append(out, Remark{"processes-hidden", "process names are missing: " + iproute2.Safe(g.Why)})
	}
	if private := s.private(); len(private) > 0 {
		out = append(out, Remark{"private", listed(private) + ": other networks reach a private address where they lead to it"})
	}
	if text := s.leftOut(); text != "" {
		out = append(out, Remark{"routes-left-out", text})
	}
	if dead := s.withoutCarrier(); len(dead) > 0 {
		out = append(out, Remark{"no-carrier", "nothing comes in by " + someDevices(dead) + " now: no carrier"})
	}
	if links := s.Host.Localnet(); len(links) > 0 {
		devs := words{s.FIB.Snapshot()}.devs(links)
		out = append(out, Remark{"route-localnet", "127.0.0.0/8 is reached from " + someDevices(devs) + " because route_localnet is on there"})
	}
	return out
}

// private are the private addresses that other networks reach, where a socket listens
// that they can reach.
func (s *Sockets) private() []string {
	var out []string
	far := func(x listen.Exposure) bool { return x.Reach == listen.ReachFar }
	if !slices.ContainsFunc(s.Exposures, far) {
		return nil
	}
	for _, l := range s.Host.Locals() {
		a := l.Addr()
		if (a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)) && l.Reach() == listen.ReachFar && s.shows(&l) {
			out = append(out, localName(&l))
		}
	}
	if n := len(out); n > maxClients+1 {
		out = append(out[:maxClients], fmt.Sprintf("%d more", n-maxClients))
	}
	return out
}

// leftOut says which routes stand for others.
func (s *Sockets) leftOut() string {
	var out []string
	for i, far := range s.LeftOut {
		if i == maxClients && len(s.LeftOut) > maxClients+1 && !s.verbose {
			out = append(out, fmt.Sprintf("%d more kinds (-v lists them)", len(s.LeftOut)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s stands for %d of them", far.Prefix, far.Count))
	}
	if len(out) == 0 {
		return ""
	}
	return "the routes by gateways are too many to tell each apart: " + listed(out)
}

// withoutCarrier are the devices that have an address and are up, but have no carrier.
func (s *Sockets) withoutCarrier() []string {
	snap := s.FIB.Snapshot()
	var out []string
	for i := range snap.Links {
		l := &snap.Links[i]
		has := func(a route.Addr) bool { return a.Link == l.Index }
		if l.Up() && !l.Carrier() && slices.ContainsFunc(snap.Addrs, has) {
			out = append(out, iproute2.Safe(l.Name))
		}
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
	Scope   listen.Scope    `json:"scope"`
	Reach   string          `json:"reach"`
	Classes json.RawMessage `json:"classes"`
}

// jsonLocal is an address of this host, or a prefix of such.
type jsonLocal struct {
	Address string      `json:"address"`
	Dev     string      `json:"dev"`
	VRF     string      `json:"vrf,omitempty"`
	Reach   string      `json:"reach"`
	Classes []jsonClass `json:"classes"`
}

// JSON is what [WriteSocketsJSON] writes.
func (s *Sockets) JSON() any {
	all := []jsonListener{}
	classes := s.classesJSON()
	for i := range s.Exposures {
		e := &s.Exposures[i]
		all = append(all, jsonListener{socketJSON(s.FIB.Snapshot(), e.Socket), e.Scope, e.Reach.String(), classes(e)})
	}
	return s.restJSON(all)
}

// restJSON is the object of some sockets.
func (s *Sockets) restJSON(all []jsonListener) jsonSockets {
	snap := s.FIB.Snapshot()
	j := jsonSockets{Sockets: all, Addresses: localsJSON(snap, s.Host.Locals()), Warnings: s.notes()}
	for i := range s.Connected {
		j.Connected = append(j.Connected, socketJSON(snap, &s.Connected[i]))
	}
	return j
}

// classesJSON gives the classes of a socket. Those that are alike share them.
func (s *Sockets) classesJSON() func(*listen.Exposure) json.RawMessage {
	made := map[*listen.Local]json.RawMessage{}
	return func(e *listen.Exposure) json.RawMessage {
		if len(e.Locals) == 0 {
			return json.RawMessage("[]")
		}
		first := &e.Locals[0]
		if made[first] == nil {
			made[first], _ = marshal(classesJSON(s.FIB.Snapshot(), e.Locals)) // has nothing that fails
		}
		return made[first]
	}
}

// manySockets is how many sockets are too many to be written with indentation.
const manySockets = 256

// WriteSocketsJSON writes it as one JSON object.
func WriteSocketsJSON(w io.Writer, s *Sockets) error {
	if len(s.Exposures) > manySockets {
		return s.stream(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(s.JSON())
}

// stream writes the same object a line for each socket, without having all of it in memory.
func (s *Sockets) stream(w io.Writer) error {
	snap := s.FIB.Snapshot()
	classes := s.classesJSON()
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(`{"sockets":[`)
	for i := range s.Exposures {
		if i > 0 {
			out.WriteString(",\n")
		}
		e := &s.Exposures[i]
		head, err := marshal(jsonListener{socketJSON(snap, e.Socket), e.Scope, e.Reach.String(), nil})
		if err != nil {
			return err
		}
		_, _ = out.Write(bytes.TrimSuffix(head, []byte("null}"))) // the classes, which come last; Flush tells of errors
		_, _ = out.Write(classes(e))
		if err := out.WriteByte('}'); err != nil {
			return err
		}
	}
	rest, err := marshal(s.restJSON(nil))
	if err != nil {
		return err
	}
	out.WriteString("]")
	_, _ = out.Write(bytes.TrimPrefix(rest, []byte(`{"sockets":null`)))
	out.WriteByte('\n')
	return out.Flush()
}

// marshal is [json.Marshal] without escapes that HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
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
		j := jsonLocal{Address: prefixOrAddr(l.Prefix), Dev: snap.LinkName(l.Link), Reach: l.Reach().String(), Classes: classesJSON(snap, locals[i:i+1])}
		if l.VRF != 0 {
			j.VRF = snap.LinkName(l.VRF)
		}
		out = append(out, j)
	}
	return out
}
