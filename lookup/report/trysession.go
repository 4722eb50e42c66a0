package report

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// TrySession is the part of a [Try] that is about sockets, the way back and the kernel's
// own answer.
type TrySession struct {
	// Sockets are the live connections of which something changes, and those that carry
	// the caller's session. Absent: sockets were not read.
	Sockets []TrySocket `json:"sockets,omitzero"`
	// Connections is how many live connections were looked at.
	Connections int `json:"connections,omitempty"`
	// SocketsUnread says why sockets are missing.
	SocketsUnread string `json:"sockets_unread,omitempty"`
	// SessionUnknown is the server of a session whose connection cannot be told: mosh's,
	// which answers to whoever holds the key.
	SessionUnknown string `json:"session_unknown,omitempty"`
	// Safe are commands after which the caller's sessions would stay: they come first, and
	// were tried.
	Safe []string `json:"safe,omitempty"`
	// Undo are the commands that bring the present state back. UndoLong is how many routes
	// went and came where that was not worked out; UndoLeft is what they do not bring back.
	Undo     []string   `json:"undo,omitzero"`
	UndoLong int        `json:"undo_long,omitempty"`
	UndoLeft []Leftover `json:"undo_left,omitempty"`
	// Kernel is the kernel's own answer; absent: it was not asked.
	Kernel *Rehearsal `json:"kernel,omitempty"`
}

// TrySocket is a live connection.
type TrySocket struct {
	Proto  string         `json:"proto"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	// PID and Comm are a process that has the socket open; absent: that is not known.
	PID  int    `json:"pid,omitempty"`
	Comm string `json:"comm,omitempty"`
	// Before and After are the decisions about a packet that it sends.
	Before Decision `json:"before"`
	After  Decision `json:"after"`
	// Moves says that its packets leave by another way, Perhaps that this depends on a
	// hash.
	Moves   bool `json:"moves"`
	Perhaps bool `json:"perhaps,omitempty"`
	Lost    bool `json:"lost"`
	// MayBeLost says that it is not known whether it is lost; Lost is false then.
	MayBeLost bool `json:"may_be_lost,omitempty"`
	// Reason says why it is lost, or may be.
	Reason TryLoss `json:"reason,omitzero"`
	// Yours says that it carries the caller's session. Through is the terminal multiplexer
	// between them; Any says that no session was found to be the caller's, so that every
	// one counts.
	Yours   bool   `json:"yours"`
	Through string `json:"through,omitempty"`
	Any     bool   `json:"any,omitempty"`
	// Server is the program that has the socket of a session.
	Server string `json:"server,omitempty"`
	// Carries is the TUN device that its program has open, where its packets leave by that
	// afterwards, and did not before: the tunnel would carry itself.
	Carries string `json:"carries,omitempty"`
}

// TryLoss is why a connection is lost.
type TryLoss struct {
	Code connections.Loss `json:"code"`
	// Dev is the device by which the other end's packets arrive.
	Dev string `json:"dev,omitempty"`
	// Below is the port of Dev, or the device that Dev is on top of, that carries nothing
	// any more.
	Below string `json:"below,omitempty"`
	// Attribute is the attribute of Below that is not looked at, or "address": its hardware
	// address, which neighbours do not know yet. Where something gets a lifetime, it is
	// "own-address", the connection's address, or "route".
	Attribute string `json:"attribute,omitempty"`
	// Neighbour is the gateway, or the other end on the link, that the reason is about.
	Neighbour netip.Addr `json:"neighbour,omitzero"`
	// Seconds is how long its address or its route has to live.
	Seconds float64 `json:"seconds,omitempty"`
	// Mark is a mark that a packet filter may give the packets: with it the connection is
	// lost, or with it it is not, if Spared is set. Absent: no mark decides. Setter is the
	// rule of nftables that sets it; absent: what sets it is not known.
	Mark   uint32      `json:"mark,omitempty"`
	Spared bool        `json:"spared,omitempty"`
	Setter *MarkSetter `json:"setter,omitempty"`
}

// Leftover is what no command brings back as it was.
type Leftover struct {
	Code     change.LeftoverCode `json:"code"`
	Dev      string              `json:"dev,omitempty"`
	Prefix   netip.Prefix        `json:"prefix,omitzero"`
	Table    string              `json:"table,omitempty"`
	Family   string              `json:"family,omitempty"`
	Priority uint32              `json:"priority,omitempty"`
	ID       uint32              `json:"id,omitempty"`
	Path     string              `json:"path,omitempty"`
	// Attribute is the keyword of an attribute of Dev that is not read.
	Attribute string `json:"attribute,omitempty"`
}

// Rehearsal is what the kernel did with the commands in a namespace of its own.
type Rehearsal struct {
	Rehearsed bool `json:"rehearsed"`
	Agrees    bool `json:"agrees"`
	// Difference is how it differs; absent: it agrees.
	Difference *TryDifference `json:"difference,omitempty"`
	// Why says why it was not asked.
	Why string `json:"why,omitempty"`
}

// TryDifference is what the kernel said or did otherwise.
type TryDifference struct {
	// Command is the first of which it says something else; absent: what there is in the
	// end differs.
	Command string `json:"command,omitempty"`
	// Kernel is what it says to the command, Routewhy what it was expected to say.
	Kernel   TryVerdict `json:"kernel,omitzero"`
	Routewhy TryVerdict `json:"routewhy,omitzero"`
	// Result is what differs in the end.
	Result []Leftover `json:"result,omitempty"`
}

// TryVerdict is what is said to a command; the zero value: it is accepted.
type TryVerdict struct {
	Errno   route.Errno `json:"errno,omitzero"`
	Message string      `json:"message,omitempty"`
}

// LosesYours reports whether a session of the caller's would be lost.
func (t *TrySession) LosesYours() bool {
	return slices.ContainsFunc(t.Sockets, func(s TrySocket) bool { return s.Yours && s.Lost })
}

// MayLoseYours reports whether it is not known of a session of the caller's whether it would
// be lost.
func (t *TrySession) MayLoseYours() bool {
	return slices.ContainsFunc(t.Sockets, func(s TrySocket) bool { return s.Yours && s.MayBeLost })
}

// Swallowed is a connection that carries a tunnel, into which its packets would go; nil: there
// is none.
func (t *TrySession) Swallowed() *TrySocket {
	at := slices.IndexFunc(t.Sockets, func(s TrySocket) bool { return s.Carries != "" })
	if at < 0 {
		return nil
	}
	return &t.Sockets[at]
}

// Whole reports whether the way back brings back all that the commands change. A lifetime that
// begins anew does not count, nor do IPv4's tables local and main, of which nothing is decided
// differently, nor the device that link-local and multicast packets take that name none.
func (t *TrySession) Whole() bool {
	return !slices.ContainsFunc(t.UndoLeft, func(l Leftover) bool {
		return l.Code != change.LeftLifetime && l.Code != change.LeftUnmerged && l.Code != change.LeftFirst
	})
}

// Disagrees reports whether the kernel's rehearsal ended otherwise.
func (t *TrySession) Disagrees() bool {
	return t.Kernel != nil && t.Kernel.Rehearsed && !t.Kernel.Agrees
}

// TrySessionQuestion is the part of a [TryQuestion] about sockets and the way back.
type TrySessionQuestion struct {
	// Live says that the facts are those of the running kernel, so that there may be a
	// session, of which Sessions are the ones that the caller was found to be in.
	Live     bool
	Sessions []route.Session
	// WayBack asks for the commands that bring the state back, however many.
	WayBack bool
}

// connected are the addresses of live connections, in ascending order.
func connected(all []route.Socket) []netip.Addr {
	seen := map[netip.Addr]bool{}
	for i := range all {
		if x := &all[i]; connections.Connected(x) {
			flow := connections.FlowOf(x)
			seen[flow.Dst], seen[flow.Src] = true, true
		}
	}
	var out []netip.Addr
	for a := range seen {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// coversAny reports whether a prefix covers one of some addresses in ascending order.
func coversAny(p netip.Prefix, addrs []netip.Addr) bool {
	at, _ := slices.BinarySearchFunc(addrs, p.Addr(), netip.Addr.Compare)
	return at < len(addrs) && p.Contains(addrs[at])
}

// session tells of sockets and of the way back.
func (t *Trial) session(ctx context.Context, src route.Source, q *TryQuestion) error {
	snap := t.Before.FIB().Snapshot()
	t.Report.SocketsUnread = snap.WhyLacks(route.FactSockets, 0)
	if !snap.Lacks(route.FactSockets, 0) {
		if err := t.sockets(ctx, src, q); err != nil {
			return err
		}
	}
	t.wayBack(q)
	return nil
}

// sockets tells of live connections.
func (t *Trial) sockets(ctx context.Context, src route.Source, q *TryQuestion) error {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	all := before.Snapshot().Sockets
	t.Report.Sockets = []TrySocket{}
	for i := range all {
		if connections.Connected(&all[i]) {
			t.Report.Connections++
		}
	}
	changes := connections.Compare(before, after, all)
	var owned map[uint32][]route.Process
	if len(changes) > 0 || q.Live {
		var err error
		if owned, err = owners(ctx, src); err != nil {
			return err
		}
	}
	yours := yoursOf(&q.TrySessionQuestion, all, owned)
	for _, s := range q.Sessions {
		if s.Server == "mosh-server" {
			t.Report.SessionUnknown = s.Server
		}
	}
	attributes := map[*route.Socket]doubtful{}
	changes = t.attributes(changes, all, attributes)
	said := map[*route.Socket]bool{}
	for i := range changes {
		said[changes[i].Socket] = true
	}
	for i := range all {
		if x := &all[i]; yours[x] != nil && !said[x] {
			c := connections.Change{Socket: x, Flow: connections.FlowOf(x)}
			c.Before, c.After = before.Lookup(c.Flow), after.Lookup(c.Flow)
			changes = append(changes, c)
		}
	}
	for i := range changes {
		x := newTrySocket(before, after, &changes[i], yours[changes[i].Socket], owned)
		if u, is := attributes[changes[i].Socket]; is {
			x.Reason.Attribute, x.Reason.Seconds = u.Name, u.lives.Seconds()
		}
		x.carries(q.Holds, owned[changes[i].Socket.Inode])
		t.Report.Sockets = append(t.Report.Sockets, x)
	}
	t.unconnected(q.Holds, all, owned)
	slices.SortStableFunc(t.Report.Sockets, func(a, b TrySocket) int { return rank(&a) - rank(&b) })
	if t.Report.LosesYours() {
		t.safe(q, changes, yours)
	}
	return nil
}

// rank brings the caller's connections first, then those that are lost.
func rank(s *TrySocket) int {
	switch {
	case s.Yours && s.Lost:
		return 0
	case s.Yours && s.MayBeLost:
		return 1
	case s.Yours:
		return 2
	case s.Lost:
		return 3
	case s.MayBeLost:
		return 4
	}
	return 5
}

// owners are processes by the sockets that they have open.
func owners(ctx context.Context, src route.Source) (map[uint32][]route.Process, error) {
	snap, err := src.Read(ctx, route.Query{NoRoutes: true, NoNeighbours: true, Sockets: route.AllSockets, Processes: true})
	if err != nil {
		return nil, err
	}
	out := map[uint32][]route.Process{}
	for i := range snap.Sockets {
		if x := &snap.Sockets[i]; len(x.Owners) > 0 {
			out[x.Inode] = x.Owners
		}
	}
	return out, nil
}

// yours is what makes a connection the caller's.
type yours struct {
	server, through string
	any             bool
}

// yoursOf are the connections that carry the caller's sessions: those that were found, or
// else every one that sshd has.
func yoursOf(q *TrySessionQuestion, all []route.Socket, owned map[uint32][]route.Process) map[*route.Socket]*yours {
	out := map[*route.Socket]*yours{}
	if !q.Live {
		return out
	}
	for i := range all {
		x := &all[i]
		for k := range q.Sessions {
			if s := &q.Sessions[k]; connections.Connected(x) && s.Carries(x) {
				out[x] = &yours{server: s.Server, through: s.Through}
			}
		}
	}
	known := func(s route.Session) bool { return s.Remote.IsValid() || len(s.Inodes) > 0 }
	if len(out) > 0 || slices.ContainsFunc(q.Sessions, known) {
		return out
	}
	for i := range all {
		if x := &all[i]; connections.Connected(x) && ofSSHD(x, owned) {
			out[x] = &yours{server: "sshd", any: true}
		}
	}
	return out
}

// ofSSHD reports whether a connection is one that sshd took: sshd has it open, or, where
// that may not be seen, root has it at sshd's port.
func ofSSHD(x *route.Socket, owned map[uint32][]route.Process) bool {
	const sshPort = 22
	if all, known := owned[x.Inode]; known {
		p := all[0]
		return (p.Name == "sshd" || p.Name == "sshd-session" || p.Name == "dropbear") && x.Local.Port() < 32768
	}
	return x.Proto == route.ProtoTCP && x.UID == 0 && x.Local.Port() == sshPort
}

func newTrySocket(before, after *lookup.FIB, c *connections.Change, mine *yours, owned map[uint32][]route.Process) TrySocket {
	plain := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
	var p route.Process
	if all := owned[c.Socket.Inode]; len(all) > 0 {
		p = all[0]
	}
	out := TrySocket{
		Proto: c.Socket.ProtoName(), Local: plain(c.Socket.Local), Remote: plain(c.Socket.Remote), PID: p.PID, Comm: p.Name,
		Before: NewDecision(before, &c.Flow, &c.Before, nil), After: NewDecision(after, &c.Flow, &c.After, nil),
		Moves: c.Moves, Perhaps: c.Perhaps, Lost: c.Lost != "" && !c.MayBeLost, MayBeLost: c.MayBeLost, Yours: mine != nil,
	}
	if c.Lost != "" {
		out.Reason.Code, out.Reason.Neighbour = c.Lost, c.Neighbour
		name := func(index int) string { // the commands may have made the device
			if s := before.Snapshot(); s.Link(index) != nil {
				return s.LinkName(index)
			}
			return after.Snapshot().LinkName(index)
		}
		if c.In != 0 {
			out.Reason.Dev = name(c.In)
		}
		if c.Below != 0 {
			out.Reason.Below = name(c.Below)
		}
		out.Reason.Mark, out.Reason.Spared = c.Mark, c.Spared
		if c.Marker != nil {
			setter := namesOf(before).markSetter(&lookup.Setter{Marker: c.Marker})
			out.Reason.Setter = &setter
		}
	}
	if mine != nil {
		out.Server, out.Through, out.Any = mine.server, mine.through, mine.any
	}
	return out
}

// safe looks for commands that keep the caller's sessions: a rule for the session's
// source, and a table with the way that it takes now. They are tried first.
func (t *Trial) safe(q *TryQuestion, changes []connections.Change, mine map[*route.Socket]*yours) {
	state := t.Before
	var texts []string
	kept := map[netip.Addr]bool{}
	for i := range changes {
		c := &changes[i]
		if mine[c.Socket] == nil || c.Lost == "" || kept[c.Flow.Src] || len(c.Before.NextHops) != 1 {
			continue
		}
		kept[c.Flow.Src] = true
		for _, one := range keeps(c, state) {
			out := state.Apply(one)
			if out.Refusal != nil {
				return
			}
			texts = append(texts, command.Print(one, state))
			state = out.State
		}
	}
	run := &command.Run{After: state}
	if run.DoAll(q.Scripts) != nil {
		return
	}
	for _, c := range connections.Compare(t.Before.FIB(), run.After.FIB(), t.Before.FIB().Snapshot().Sockets) {
		if mine[c.Socket] != nil && c.Lost != "" {
			return
		}
	}
	t.Report.Safe = texts
}

// keeps are the rule and the route that keep a connection where it is.
func keeps(c *connections.Change, s *change.State) []change.Change {
	family := route.FamilyOf(c.Flow.Src)
	h := c.Before.NextHops[0]
	r := &change.Route{Verb: change.Add, Route: route.Route{
		Table: freeTable(s), Dst: family.Default(), Type: route.TypeUnicast, Protocol: route.ProtocolBoot,
		NextHops: []route.NextHop{{Gateway: h.Gateway, Link: h.Link}},
	}}
	if !h.Gateway.IsValid() { // the other end is on the link
		r.Route.Dst = netip.PrefixFrom(c.Flow.Dst, c.Flow.Dst.BitLen())
		if family == route.IPv4 {
			r.Route.Scope = route.ScopeLink
		}
	}
	rule := &change.Rule{Verb: change.Add, Rule: route.Rule{
		Family: family, Action: route.ActionTable, Table: r.Route.Table, SuppressPrefixLen: -1, SuppressGroup: -1, Protocol: route.ProtocolBoot,
		Selector: route.Selector{Src: netip.PrefixFrom(c.Flow.Src, c.Flow.Src.BitLen())},
	}}
	return []change.Change{r, rule}
}

// freeTable is a table that nothing uses: the first from 100.
func freeTable(s *change.State) route.Table {
	e := s.FIB().Edit()
	used := slices.Concat(e.Tables(route.IPv4), e.Tables(route.IPv6))
	for i := range s.FIB().Snapshot().Rules {
		used = append(used, s.FIB().Snapshot().Rules[i].Table)
	}
	id := route.Table(100)
	for slices.Contains(used, id) || s.FIB().Snapshot().Names.Tables[id] != "" {
		id++
	}
	return id
}
