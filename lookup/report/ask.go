package report

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// Report is what there is to say of one destination: an [*Explanation], a [*Prefix], a
// [*Zero], or what another mode says of it.
type Report interface {
	// Status is what the answer comes to.
	Status() Status
	// MarkChanging says that the tables were changing while they were read.
	MarkChanging()
}

// Ask answers a question from a source: it gives a report for each destination, in their
// order. If tables change meanwhile, or the kernel gives another answer, it reads and
// answers again, three times at most. If they still change then, the reports say so.
// Errors are those of the source and of the context, and a [*DeviceError].
func Ask(ctx context.Context, src route.Source, q *Question) ([]Report, error) {
	a := &asker{Question: q, src: src}
	return steadily(a, func() ([]Report, error) { return a.answers(ctx) })
}

// steadily calls f as [Steady] does, where changes count that concern the question, and
// marks the reports if the tables were changing to the end.
func steadily[R Report](a *asker, f func() ([]R, error)) ([]R, error) {
	var all []R
	concerns := func(_ route.Table, dst netip.Prefix) bool { return a.concerns(dst) }
	during, err := Steady(a.src, route.Query{Family: a.family(), Keep: concerns}, func() (bool, error) {
		var err error
		all, err = f()
		return slices.ContainsFunc(all, disagrees[R]), err
	})
	if err != nil {
		return nil, err
	}
	defer during.Close()
	if during.Changing() {
		for _, one := range all {
			one.MarkChanging()
		}
	}
	return all, nil
}

// disagrees reports whether the kernel gave another answer.
func disagrees[R Report](r R) bool { return r.Status() == StatusDisagrees }

// asker answers a question.
type asker struct {
	*Question
	src route.Source
	fib *lookup.FIB
	// replied are the destinations of answers, which are known only after the packets'
	// sources are.
	replied []netip.Addr
}

// read reads only what the question needs: the routes that cover a destination, and the
// facts that are always few.
func (a *asker) read(ctx context.Context) error {
	var err error
	a.fib, err = lookup.Read(ctx, a.src, &lookup.Need{
		Query: route.Query{Family: a.family(), Devices: a.Packet.devices(), AllDevices: a.Reply, Policies: true, Markers: true, WireGuard: true},
		About: a.concerns,
	})
	return err
}

// concerns reports whether the routes of a prefix matter for the question.
func (a *asker) concerns(dst netip.Prefix) bool {
	for i := range a.To {
		if a.To[i].Concerns(dst) {
			return true
		}
	}
	return a.Packet.From.IsValid() && dst.Contains(a.Packet.From) || slices.ContainsFunc(a.replied, dst.Contains)
}

// family is that of all destinations, zero where they differ.
func (a *asker) family() route.Family {
	f := a.To[0].Family()
	for i := range a.To {
		if a.To[i].Family() != f {
			return 0
		}
	}
	for _, dst := range a.replied {
		if route.FamilyOf(dst) != f {
			return 0
		}
	}
	return f
}

// answers reads, and answers about every destination.
func (a *asker) answers(ctx context.Context) ([]Report, error) {
	if err := a.read(ctx); err != nil {
		return nil, err
	}
	var all []Report
	for _, d := range a.To {
		one, err := a.about(ctx, &d)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (a *asker) about(ctx context.Context, d *Destination) (Report, error) {
	if d.isPrefix() {
		typical := a.fib.Lookup(a.fib.Typical(d.Prefix))
		if a.unread(a.fib.OuterEnds(&typical)...) {
			if err := a.read(ctx); err != nil {
				return nil, err
			}
		}
		return NewPrefix(a.fib, d.Prefix), nil
	}
	l, err := a.packet(ctx, d)
	if err != nil {
		return nil, err
	}
	e := l.Report()
	if !a.isZeroPage(d) {
		return e, nil
	}
	whole, _, err := ReadWhole(ctx, a.src, route.Query{Family: d.Family(), Sockets: route.Listening, Processes: true})
	if err != nil {
		return nil, err
	}
	return NewZero(e, whole), nil
}

// isZeroPage reports whether a destination asks for the page about the zero address: the
// destination is that address, and the question says nothing about a packet.
func (a *asker) isZeroPage(d *Destination) bool {
	return d.Addr.IsUnspecified() && d.Port == 0 && d.Host == "" && a.Packet == Packet{} && !a.Reply
}

// packet answers about one packet or connection, and asks the kernel the same.
func (a *asker) packet(ctx context.Context, d *Destination) (*look, error) {
	l, p, err := a.lookUp(d)
	if err != nil {
		return nil, err
	}
	again := func() (*look, error) {
		if err := a.read(ctx); err != nil {
			return nil, err
		}
		return a.packet(ctx, d)
	}
	if a.unread(a.fib.OuterEnds(&l.Trace.Decision)...) {
		return again()
	}
	l.Notes = append(a.fib.Notes(l.Trace), a.fib.OuterNotes(l.Trace.Flow.Dst, &l.Trace.Decision)...)
	if more, err := a.ownTunnel(ctx, l); err != nil {
		return nil, err
	} else if more {
		return again()
	}
	if d.Port != 0 || a.Packet.Proto != nil {
		if err := a.meet(ctx, l); err != nil {
			return nil, err
		}
	}
	if back, ok := l.Met.sendto(); ok {
		if a.unread(back.Dst) {
			return again()
		}
		l.Remarks = append(l.Remarks, namesOf(a.fib).answerSource(l, &back)...)
	}
	if a.Reply {
		who := l.Met.answerer()
		r := a.fib.ReplyOf(l.Trace, who)
		var to []netip.Addr
		for i := range r.Returns {
			to = append(to, r.Returns[i].Trace.Flow.Dst)
		}
		if a.unread(to...) {
			return again()
		}
		a.addReply(l, r, p)
		l.Answerer = who
	}
	return l, a.askKernel(ctx, l)
}

// lookUp decides about the packet to a destination or, where that has a port, about a
// connection.
func (a *asker) lookUp(d *Destination) (*look, *Packet, error) {
	p, label := a.Packet.to(d), d.label()
	to := d.connects(&p)
	if to.Addr != d.Addr {
		label += " (" + to.label() + ")"
	}
	flow, err := a.flow(a.fib.Snapshot(), &to, &p)
	if err != nil {
		return nil, nil, err
	}
	l := &look{
		FIB: a.fib, Label: label, Given: a.Packet.Given(), Fields: p.fields(), Remarks: to.Remarks, Detail: a.Detail, User: a.User,
	}
	if to.Port == 0 {
		l.Trace = a.fib.Explain(flow)
		return l, &p, nil
	}
	l.Trace, l.Connects = a.fib.Connect(flow), true
	l.ConnectErrno = listen.Refuses(&l.Trace.Flow, &l.Trace.Decision)
	l.split()
	return l, &p, nil
}

// split adds the other look-ups of a connection.
func (l *look) split() {
	if l.Trace.First == nil {
		return
	}
	part := func(t *lookup.Trace, which Part) *look {
		return &look{FIB: l.FIB, Trace: t, Label: l.Label, Given: l.Given, Fields: l.Fields, Part: which, Detail: l.Detail}
	}
	l.First = part(l.Trace.First, PartSource)
	for _, t := range l.Trace.BySource {
		l.BySource = append(l.BySource, part(t, PartBySource))
	}
}

// meet adds which socket takes the packet, if the packet ends at this host.
func (a *asker) meet(ctx context.Context, l *look) error {
	p, ok := listen.PacketOf(a.fib.Snapshot(), &l.Trace.Flow, &l.Trace.Decision)
	if !ok {
		return nil
	}
	snap, err := a.src.Read(ctx, route.Query{
		Family: route.FamilyOf(p.Dst.Addr()), NoRoutes: true, NoNeighbours: true,
		Sockets: route.Listening, Port: p.Dst.Port(), Processes: true,
	})
	if err != nil {
		return err
	}
	l.Met = &met{snap, listen.Take(snap, snap.Sockets, p)}
	for _, g := range snap.Gaps {
		if g.Fact == route.FactProcesses {
			l.Remarks = append(l.Remarks, NewRemark(RemarkProcesses, "", g.Why))
		}
	}
	return nil
}

// answerer is what is known of the socket that takes the packet; nil: nothing is known, or
// several sockets may take it that are bound differently.
func (m *met) answerer() *lookup.Answerer {
	if m == nil || len(m.verdict.Receivers) == 0 {
		return nil
	}
	var out *lookup.Answerer
	for _, c := range m.verdict.Receivers {
		one := lookup.Answerer{Link: c.Socket.Link, Mark: c.Socket.Mark, UID: c.Socket.UID, Transparent: c.Socket.Transparent}
		if out != nil && *out != one {
			return nil
		}
		out = &one
	}
	return out
}

// unread notes the destinations of answers, and reports whether routes to one of them may
// have been left out so far.
func (a *asker) unread(to ...netip.Addr) bool {
	before, families := len(a.replied), a.family()
	for _, dst := range to {
		if !slices.Contains(a.replied, dst) {
			a.replied = append(a.replied, dst)
		}
	}
	return len(a.replied) > before && (a.fib.Partial() || a.family() != families)
}

// addReply adds the way back.
func (a *asker) addReply(l *look, r *lookup.Reply, p *Packet) {
	l.Reply = r
	fields := p.replyFields(l.Trace.Flow.In == 0)
	for i := range r.Returns {
		t := r.Returns[i].Trace
		answer := &look{FIB: a.fib, Trace: t, Fields: fields, Part: PartAnswer, Notes: a.fib.Notes(t), Detail: a.Detail}
		if t.Flow.Src.IsValid() {
			answer.Given = append(answer.Given, lookup.FieldFrom)
		}
		if t.Flow.In != 0 {
			answer.Given = append(answer.Given, lookup.FieldIif)
			if r.Returns[i].By != lookup.CodeReplyHere {
				answer.Part = PartReturn
			}
		}
		l.Answers = append(l.Answers, answer)
	}
}

// NoKernelAsked is [Kernel.NotAsked] if the question said so.
const NoKernelAsked = "--no-kernel"

// askKernel asks the kernel the same.
func (a *asker) askKernel(ctx context.Context, l *look) error {
	for _, part := range l.lookups() {
		if err := a.askOne(ctx, part); err != nil {
			return err
		}
	}
	l.settle()
	return nil
}

func (a *asker) askOne(ctx context.Context, l *look) error {
	if a.NoKernel {
		l.NotAsked = NoKernelAsked
		return nil
	}
	if f := l.Trace.Flow; f.Transparent {
		if f.Transparent = false; a.fib.Lookup(f).Shortcut == lookup.ShortcutNotLocal {
			l.NotAsked = "it cannot be asked about a transparent socket"
			return nil
		}
	}
	var refused *route.NotAskedError
	answer, err := a.src.Resolve(ctx, l.Trace.Flow)
	switch {
	case errors.As(err, &refused):
		l.NotAsked = refused.Why
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		l.NotAsked = err.Error()
		return nil
	}
	l.Answer = answer
	l.Comparison = a.fib.Compare(&l.Trace.Flow, &l.Trace.Decision, &answer)
	return nil
}

// settle changes the decisions of all look-ups to what only the kernel's answers show:
// gateways that it has learnt, and entries and sources that are in no dump.
func (l *look) settle() {
	some := false
	for _, part := range l.lookups() {
		some = l.FIB.Redirect(part.Trace, &part.Comparison, &part.Answer) || some
		some = l.FIB.Settle(part.Trace, &part.Comparison, &part.Answer) || some
	}
	if !some {
		return
	}
	if len(l.BySource) > 0 {
		l.FIB.Join(l.Trace)
	}
	l.Notes = l.FIB.Notes(l.Trace)
	for _, answer := range l.Answers {
		answer.Notes = l.FIB.Notes(answer.Trace)
	}
}
