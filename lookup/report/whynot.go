package report

import (
	"context"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// WhyNot is why a packet does not go where it is wanted to go, and what would make it.
type WhyNot struct {
	Query Query `json:"query"`
	// About is the prefix that was asked about, of which Query is a typical packet; the zero
	// Prefix: one destination was.
	About netip.Prefix `json:"about,omitzero"`
	// Want is where it is wanted to go, as that was asked: "eth1", "via 192.0.2.1".
	Want string `json:"want"`
	// Master is the bridge or the bond that the wanted device is a port of: the answer is about
	// that, because routes lead to it; absent: the device is no port, or the packet leaves by
	// the device itself.
	Master string `json:"want_master,omitempty"`
	// Kind is what Want names.
	Kind whynot.Kind `json:"want_kind"`
	// Already says that it does go there. Sometimes says that a part of all flows does,
	// and Share which part, 0 to 1; absent: that cannot be known.
	Already   bool    `json:"already"`
	Sometimes bool    `json:"sometimes,omitempty"`
	Share     float64 `json:"share,omitempty"`
	// Connected says whether a connected socket's packets go there; absent: the question is
	// about a connection, or they do as Already and Sometimes say.
	Connected *bool `json:"connected,omitempty"`
	// Connects says that the question is about a connection: ADDRESS:PORT.
	Connects bool `json:"connects,omitempty"`
	// Apart are the addresses of About that do not go as Already says of Query; absent: there
	// are none.
	Apart *Apart `json:"apart,omitempty"`
	// Because is the smallest set of facts that stops it, in the kernel's order.
	Because []Blocker `json:"because"`
	// Also are other facts about routes, each of which alone stops it as the one of Because
	// does.
	Also []Blocker `json:"also,omitempty"`
	// Ways are changes of the host after which it goes there, the best first. Each was
	// tried on a copy. NotOffered is how many more there are that would lose a session of
	// the caller's.
	Ways       []Way `json:"ways"`
	NotOffered int   `json:"not_offered,omitempty"`
	// Packets are what would have to differ of the packet for it to go there. NoPacket
	// says that there is no such packet to the same destination.
	Packets  []Alteration `json:"packets"`
	NoPacket bool         `json:"no_packet,omitempty"`
	// Decision explains what becomes of the packet now.
	Decision *Explanation `json:"decision"`
	// Warnings are about what was asked, and what would surprise.
	Warnings []Finding `json:"warnings,omitempty"`
}

// Blocker is one fact that stops a packet.
type Blocker struct {
	Reason Reason `json:"reason"`
	// Others are the further parts of the rule's selector that do not match.
	Others []Reason `json:"others,omitempty"`
	// Rule is the rule that it is about, Route the entry that the packet meets instead, or
	// the nearest one, and Wanted the entry by which it would go where it is wanted to go.
	Rule   *iproute2.Rule  `json:"rule,omitempty"`
	Route  *iproute2.Route `json:"route,omitempty"`
	Wanted *iproute2.Route `json:"wanted,omitempty"`
	// Supposed says that the host does not have Wanted: another fact says that it is missing.
	Supposed bool `json:"supposed,omitempty"`
	// OfPacket says that it is a property of the packet.
	OfPacket bool `json:"of_packet,omitempty"`
	// Skipped are the priorities of the rules that a goto leaves out.
	Skipped []uint32 `json:"skipped,omitempty"`
	Text    string   `json:"text,omitempty"`
}

// Way is some commands after which the packet goes where it is wanted to go.
type Way struct {
	Commands []string `json:"commands"`
	// Addresses is for how many destinations such a packet goes otherwise after them;
	// absent: there are too many ranges to count.
	Addresses *big.Int `json:"addresses,omitempty"`
	// Sockets is how many live connections go otherwise; SocketsUnread: they were not read.
	Sockets       int  `json:"sockets"`
	SocketsUnread bool `json:"sockets_unread,omitempty"`
	// Stranded is how many of them leave by another device with the source that they have, which
	// is none of that device's: other networks very likely drop such packets.
	Stranded int `json:"stranded,omitempty"`
	// Direct is the device to whose link it is sent without a gateway, where none is known
	// there: the destination itself must answer.
	Direct string `json:"direct,omitempty"`
	// Sometimes says that a part of all flows goes there after them, and none before, and Share
	// which part, 0 to 1; absent: that cannot be known.
	Sometimes bool    `json:"sometimes,omitempty"`
	Share     float64 `json:"share,omitempty"`
	// Unnumbered is the device of a new route, if it has no address for packets' source, and
	// Src the source that they get; absent: none. LinkLocal says that it has a link-local one
	// of IPv6, which other networks do not answer.
	Unnumbered string     `json:"unnumbered,omitempty"`
	LinkLocal  bool       `json:"link_local,omitempty"`
	Src        netip.Addr `json:"src,omitzero"`
	// Errno is the error that the packet then gets: the wanted rule or route refuses it.
	Errno route.Errno `json:"errno,omitzero"`
	// PacketAlone says that a connected socket's packets do not go there: it looks up again
	// with its source.
	PacketAlone bool `json:"packet_alone,omitempty"`
	// ConnectErrno is the error that such a socket gets, if PacketAlone is set; absent: its
	// packets go elsewhere.
	ConnectErrno route.Errno `json:"connect_errno,omitzero"`
	// Connected is the device by which a connected socket's packets leave, if the wanted source
	// makes them leave by another one; absent: it does not.
	Connected string `json:"connected_dev,omitempty"`
	// SecondRule says that the commands add another rule of the wanted priority.
	SecondRule bool `json:"second_rule,omitempty"`
	// DeadEnd is why packets are lost all the same: a fault of the next hop, by its code.
	DeadEnd *Reason `json:"dead_end,omitempty"`
	// LocksOut says that a session of the caller's would be lost. Such a way is not given.
	LocksOut bool `json:"locks_out"`
}

// Alteration is what would have to differ of a packet: a field, and values that it may
// have.
type Alteration struct {
	Field  lookup.Field `json:"field"`
	Values []string     `json:"values"`
	// With are the other fields that would have to differ too.
	With []Alteration `json:"with,omitempty"`
	// Ask are the commands that ask about these packets, one for each of Values.
	Ask []string `json:"ask"`
	// Errno is the error that these packets get: the wanted rule or route refuses them.
	Errno route.Errno `json:"errno,omitzero"`
}

// WhyNotQuestion asks why packets do not go somewhere.
type WhyNotQuestion struct {
	Question
	Want Want
	TrySessionQuestion
}

// Want is where a packet is wanted to go, by names.
type Want struct {
	Kind     whynot.Kind
	Dev      string       // of [whynot.Device]
	Of       route.Family // of [whynot.Default]; zero: of either family
	Addr     netip.Addr   // of [whynot.Gateway] and [whynot.Source]
	Table    string       // of [whynot.Table], a name or a number
	Prefix   netip.Prefix
	Priority uint32
}

// String is the want as it is asked.
func (w *Want) String() string {
	switch w.Kind {
	case whynot.Device:
		return w.Dev
	case whynot.Gateway:
		return "via " + w.Addr.String()
	case whynot.Table:
		return "table " + w.Table
	case whynot.Prefix:
		return w.Prefix.String()
	case whynot.Rule:
		return strconv.FormatUint(uint64(w.Priority), 10)
	case whynot.Source:
		return "src " + w.Addr.String()
	}
	if w.Of != 0 {
		return w.Of.String()
	}
	return "default"
}

// Family is that of the packets that can be wanted to go there; zero: either.
func (w *Want) Family() route.Family {
	if w.Prefix.IsValid() {
		return route.FamilyOf(w.Prefix.Addr())
	}
	if w.Of != 0 {
		return w.Of
	}
	return route.FamilyOf(w.Addr)
}

// TableError says that a question names a table that the host has no name for.
type TableError struct{ Name string }

func (e *TableError) Error() string { return "there is no table " + e.Name }

// on is the want on a host.
func (w *Want) on(s *route.Snapshot) (whynot.Want, error) {
	out := whynot.Want{Kind: w.Kind, Addr: w.Addr, Prefix: w.Prefix, Priority: w.Priority}
	switch w.Kind {
	case whynot.Device:
		l := s.LinkByName(w.Dev)
		if l == nil {
			_, table := s.Names.TableByName(w.Dev)
			return out, &DeviceError{Field: FieldWhyNot, Name: w.Dev, Table: table, Devices: devices(s)}
		}
		out.Link = l.Index
	case whynot.Table:
		id, ok := s.Names.TableByName(w.Table)
		if !ok {
			return out, &TableError{w.Table}
		}
		out.Table = id
	}
	return out, nil
}

// FieldWhyNot is the field of a [DeviceError] about what is wanted.
const FieldWhyNot lookup.Field = "why-not"

// AskWhyNot answers from a source, of which it reads all routes: a report for each
// destination. Of a prefix it takes a typical address.
func AskWhyNot(ctx context.Context, src route.Source, q *WhyNotQuestion) ([]*WhyNot, error) {
	a := &asker{Question: &q.Question, src: src}
	return steadily(a, func() ([]*WhyNot, error) { return a.whyNot(ctx, q) })
}

func (a *asker) whyNot(ctx context.Context, q *WhyNotQuestion) ([]*WhyNot, error) {
	fib, err := a.readAll(ctx)
	if err != nil {
		return nil, err
	}
	want, err := q.Want.on(fib.Snapshot())
	if err != nil {
		return nil, err
	}
	owned := map[uint32][]route.Process{}
	if q.Live {
		if owned, err = owners(ctx, a.src); err != nil {
			return nil, err
		}
	}
	mine := yoursOf(&q.TrySessionQuestion, fib.Snapshot().Sockets, owned)
	var out []*WhyNot
	for _, d := range q.To {
		l, err := a.typical(ctx, d)
		if err != nil {
			return nil, err
		}
		if len(q.To) > 1 && want.Kind != whynot.Default && d.Prefix.IsValid() && d.Prefix.Bits() == 0 && !inUse(l) {
			continue // nobody who asks about the default route means a family that the host does not use
		}
		r := newWhyNot(q, want, l, mine, d.Prefix)
		out = append(out, r)
	}
	return out, nil
}

// inUse reports whether a host uses the family of a packet: it has an address that others
// reach, or a way for the packet.
func inUse(l *look) bool {
	d := &l.Trace.Decision
	return d.Disposition != lookup.DispositionNoRoute || slices.ContainsFunc(l.FIB.Snapshot().Addrs, func(a route.Addr) bool {
		ip := a.Prefix.Addr()
		return ip.Is4() == l.Trace.Flow.Dst.Is4() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
	})
}

// readAll reads all routes.
func (a *asker) readAll(ctx context.Context) (*lookup.FIB, error) {
	var err error
	a.fib, err = lookup.Read(ctx, a.src, &lookup.Need{Query: route.Query{AllDevices: true, Devices: a.Packet.devices(), Policies: true, Markers: true, WireGuard: true, Sockets: route.AllSockets}})
	return a.fib, err
}

// typical answers about a packet, of a prefix one to a typical address.
func (a *asker) typical(ctx context.Context, d Destination) (*look, error) {
	if !d.isPrefix() {
		return a.packet(ctx, &d)
	}
	l, err := a.packet(ctx, &Destination{Addr: a.fib.Typical(d.Prefix).Dst})
	if err == nil {
		l.Label = fmt.Sprintf("%s (as %s)", d.Prefix, l.Trace.Flow.Dst)
	}
	return l, err
}

func newWhyNot(q *WhyNotQuestion, want whynot.Want, l *look, mine map[*route.Socket]*yours, about netip.Prefix) *WhyNot {
	e := l.Report()
	r := &WhyNot{
		Query: e.Query, About: about, Want: q.Want.String(), Kind: want.Kind, Decision: e,
		Because: []Blocker{}, Ways: []Way{}, Packets: []Alteration{},
	}
	if e.Disposition == lookup.DispositionUnknown {
		return r
	}
	n := namesOf(l.FIB)
	asked := want.Link
	if m := l.master(&want); m != 0 {
		r.Master, want.Link = n.dev(m), m
	}
	got := whynot.Ask(&whynot.Question{
		FIB: l.FIB, Flow: l.asked(), Connects: l.Connects, Want: want, About: about, Sockets: n.snap.Sockets,
		Yours: func(x *route.Socket) bool { return mine[x] != nil },
	})
	r.Already, r.Sometimes, r.Share = got.Met == whynot.All, got.Met == whynot.Some, got.Share
	if r.Already {
		r.Share = 0
	}
	r.Apart = apart(l, &want, about, got.Met)
	for i := range got.Because {
		r.Because = append(r.Because, n.blocker(&got.Because[i]))
	}
	for i := range got.Also {
		r.Also = append(r.Also, n.blocker(&got.Also[i]))
	}
	for i := range got.Ways {
		w := &got.Ways[i]
		one := Way{
			Commands: w.Commands, Addresses: w.Addresses, Sockets: w.Sockets, SocketsUnread: n.snap.Lacks(route.FactSockets, 0),
			Direct: n.dev(w.Direct), Sometimes: w.Some, Share: w.Share, Unnumbered: n.dev(w.Unnumbered), Src: w.Src, PacketAlone: w.PacketAlone, ConnectErrno: w.ConnectErrno, Errno: w.Errno,
			Connected: n.dev(w.Connected), SecondRule: w.Second, Stranded: w.Stranded,
		}
		one.LinkLocal = w.Unnumbered != 0 && n.fib.LinkLocal(w.Unnumbered, got.Trace.Flow.Family())
		if w.DeadEnd.Code != "" {
			why := NewReason(w.DeadEnd)
			one.DeadEnd = &why
		}
		r.Ways = append(r.Ways, one)
	}
	r.NotOffered, r.NoPacket, r.Connects = got.LockOut, got.NoPacket, l.Connects
	if got.Connected != got.Met {
		met := got.Connected == whynot.All
		r.Connected = &met
		if !r.Already {
			r.Warnings = append(r.Warnings, e.Elsewhere()...)
		}
	}
	flow := l.asked()
	r.Packets = n.alterations(l, &flow, got.Packets)
	r.redirected(l, &want)
	if !r.Already {
		r.Warnings = append(r.Warnings, noted(e.Warnings, lookup.NoteBoundElse)...)
	}
	r.Warnings = append(r.Warnings, l.marked(func(f *route.Flow, d *lookup.Decision) bool {
		met, _ := want.On(l.FIB, f, d)
		return met != got.Connected
	})...)
	if want.Kind == whynot.Device {
		r.Warnings = append(r.Warnings, append(n.port(asked), noRouter(e, n.dev(want.Link))...)...)
	}
	return r
}

func (n names) blocker(f *whynot.Fact) Blocker {
	return Blocker{
		Reason: NewReason(f.Reason), Others: newReasons(f.Others), Rule: n.rule(f.Rule), Route: n.route(f.Route), Wanted: n.route(f.Wanted),
		Supposed: f.Supposed, OfPacket: f.OfPacket, Skipped: n.skipped(f),
	}
}

// skipped are the priorities of the rules that a goto leaves out; nil: the fact is about
// something else.
func (n names) skipped(f *whynot.Fact) []uint32 {
	if f.Code != whynot.CodeSkipGoto || f.Rule == nil {
		return nil
	}
	var out []uint32
	for i := range n.snap.Rules {
		if r := &n.snap.Rules[i]; r.Family == f.Rule.Family && r.Priority > f.Rule.Priority && r.Priority < f.Rule.Goto && !slices.Contains(out, r.Priority) {
			out = append(out, r.Priority)
		}
	}
	slices.Sort(out)
	return out
}

// Status is [StatusNoRoute] where nothing was found that would make the packet go there. Of a
// packet that does go there, it is that of the packet: the way may be dead.
func (r *WhyNot) Status() Status {
	switch {
	case r.Decision.Disagreement() != nil:
		return StatusDisagrees
	case r.Decision.Disposition == lookup.DispositionUnknown:
		return StatusUnknown
	case r.Already:
		return r.Decision.Status()
	case len(r.Ways) > 0, len(r.Packets) > 0:
		return StatusAnswered
	}
	return StatusNoRoute
}

// MarkChanging says that the tables were changing while they were read.
func (r *WhyNot) MarkChanging() {
	r.Decision.MarkChanging()
	r.Warnings = append(r.Warnings, NewRemark(lookup.NoteChanging, "", ""))
}
