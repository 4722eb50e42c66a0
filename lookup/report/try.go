package report

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Try is what some commands would do, without making them.
type Try struct {
	// Commands are in the order in which they would be made.
	Commands []TryCommand `json:"commands"`
	// PassedOver are commands of other programs, of which it is not known what they do.
	PassedOver []TryLine `json:"passed_over,omitempty"`
	// NotReached are the commands after one that is refused, where that ends them all.
	NotReached []TryLine `json:"not_reached,omitempty"`
	// Answers are about the destinations that were asked about, in their order.
	Answers []TryAnswer `json:"answers,omitempty"`
	// Moves are the ranges that are decided differently afterwards, in ascending order,
	// IPv4 first. What is compared are packets without a source, a mark and the like.
	Moves Rows[Change] `json:"moves"`
	// OthersMay says that packets which were not compared may be decided differently.
	OthersMay bool `json:"others_may,omitempty"`
	TrySession
	// Assumptions are what it rests on although it was not read, and Warnings what would
	// surprise.
	Assumptions []Finding `json:"assumptions,omitempty"`
	Warnings    []Finding `json:"warnings,omitempty"`

	ranges []Range
	shares []Share
}

// Moved are the moves as what differs between two hosts.
func (t *Try) Moved() *Diff { return &Diff{Destinations: t.Moves, ranges: t.ranges} }

// Shares are the moves, added up.
func (t *Try) Shares() []Share {
	if t.shares == nil {
		return shareEach(&t.Moves)
	}
	return t.shares
}

// TryLine is a command of a script that was not tried.
type TryLine struct {
	Command string `json:"command"`
	// Line is that of the script, from 1; absent: there is no script.
	Line int `json:"line,omitempty"`
}

// TryCommand is a command and what becomes of it.
type TryCommand struct {
	Command string `json:"command"`
	Line    int    `json:"line,omitempty"`
	// Position is its place among all commands that were given, from 1. Those count that
	// were passed over or not reached.
	Position int `json:"position,omitempty"`
	// Accepted says that it does what it was told to do.
	Accepted bool `json:"accepted"`
	// By says who refuses: "kernel", or the program, which sends nothing. Errno and Message
	// are the kernel's; Message is the program's where that refuses.
	By      string      `json:"by,omitempty"`
	Errno   route.Errno `json:"errno,omitzero"`
	Message string      `json:"message,omitempty"`
	// Start and End are where in the command the word is that the program refuses, in
	// bytes.
	Start int `json:"start,omitempty"`
	End   int `json:"end,omitempty"`
	// Reason says why it is refused; absent: the message says all.
	Reason Reason `json:"reason,omitzero"`
	// Unknown says that the facts do not tell whether it is refused.
	Unknown bool `json:"unknown,omitempty"`
	// Route, Rule or Address is the object that is in the way.
	Route   *iproute2.Route `json:"route,omitempty"`
	Rule    *iproute2.Rule  `json:"rule,omitempty"`
	Address netip.Prefix    `json:"address,omitzero"`
	// Instead are commands that may be meant, each of which was tried.
	Instead []Instead `json:"instead,omitempty"`
	// Warning is what the program says although it does what it is told.
	Warning string `json:"warning,omitempty"`
	// Reads says that it only shows something.
	Reads bool `json:"reads,omitempty"`
	// Removed and Added are how many routes went and came. RemovedRoutes and AddedRoutes
	// are the first of them.
	Removed       int              `json:"removed,omitempty"`
	Added         int              `json:"added,omitempty"`
	RemovedRoutes []iproute2.Route `json:"removed_routes,omitempty"`
	AddedRoutes   []iproute2.Route `json:"added_routes,omitempty"`
	// Surprises are what of it would surprise.
	Surprises []Finding `json:"surprises,omitempty"`
}

// Instead is a command that may be meant, and what it does: one of the codes below.
type Instead struct {
	Command string      `json:"command"`
	Code    lookup.Code `json:"code"`
}

// TryAnswer is what becomes of packets to a destination before and after the commands.
type TryAnswer struct {
	Query Query `json:"query"`
	// Before and After have no source where the query gives it.
	Before Decision `json:"before"`
	After  Decision `json:"after"`
	// ReceivedBefore and ReceivedAfter say that no packet makes the look-up, because its device
	// is a port; absent: it is none.
	ReceivedBefore *Finding `json:"received_before,omitempty"`
	ReceivedAfter  *Finding `json:"received_after,omitempty"`
	// Differs says that the two are not the same.
	Differs bool `json:"differs,omitempty"`
	// ExplainedBefore and ExplainedAfter explain the two, where details were asked for.
	ExplainedBefore *Explanation `json:"explained_before,omitempty"`
	ExplainedAfter  *Explanation `json:"explained_after,omitempty"`
}

// Changing reports whether the tables were changing while they were read.
func (t *Try) Changing() bool { return has(t.Warnings, lookup.NoteChanging) }

// MarkChanging says that the tables were changing while they were read.
func (t *Try) MarkChanging() {
	if !t.Changing() {
		t.Warnings = append(t.Warnings, NewRemark(lookup.NoteChanging, "", ""))
	}
}

// Refused reports whether a command is refused, or may be.
func (t *Try) Refused() bool {
	return slices.ContainsFunc(t.Commands, func(c TryCommand) bool { return !c.Accepted })
}

// Status is [StatusNoRoute] where a command is refused, a session of the caller's is lost, a
// tunnel's own packets would go into it, or a destination that was asked about has no usable
// answer afterwards. It is [StatusUnknown] where one of these is not known, or no command is
// understood, and [StatusDisagrees] where the kernel's rehearsal ended otherwise.
func (t *Try) Status() Status {
	switch {
	case t.Disagrees():
		return StatusDisagrees
	case len(t.Commands) == 0 && len(t.PassedOver) > 0:
		return StatusUnknown
	case slices.ContainsFunc(t.Commands, func(c TryCommand) bool { return c.Unknown }):
		return StatusUnknown
	case t.Refused(), t.LosesYours(), t.Swallowed() != nil, t.Looping() != nil, t.answered(StatusNoRoute):
		return StatusNoRoute
	case t.MayLoseYours(), t.answered(StatusUnknown):
		return StatusUnknown
	}
	return StatusAnswered
}

// answered reports whether a destination's answer afterwards has a status. Of prefixes, which
// include the default route of a family that the host may not use, those count that differ.
func (t *Try) answered(s Status) bool {
	return slices.ContainsFunc(t.Answers, func(a TryAnswer) bool {
		_, err := netip.ParsePrefix(a.Query.Label)
		return statusOn(&a.After, a.ReceivedAfter) == s && (a.Differs || err != nil)
	})
}

// Ends reports whether there was a usable answer before, and there is none afterwards.
func (a *TryAnswer) Ends() bool {
	return statusOn(&a.Before, a.ReceivedBefore) == StatusAnswered && statusOn(&a.After, a.ReceivedAfter) != StatusAnswered
}

// statusOn is the status of a decision about a packet that may be received on another device.
func statusOn(d *Decision, elsewhere *Finding) Status {
	status := d.Status()
	if status == StatusAnswered && elsewhere != nil {
		return StatusNoRoute
	}
	return status
}

// sameDevice reports whether two packets are received on the same device.
func sameDevice(before, after *Finding) bool {
	if before == nil || after == nil {
		return before == after
	}
	return before.Want.String() == after.Want.String()
}

// maxTryRoutes is how many routes of a command a report names.
const maxTryRoutes = 20

// TryQuestion says what is asked about some commands.
type TryQuestion struct {
	// Question's To are the destinations to be told of; the kernel is not asked.
	Question
	TrySessionQuestion
	Scripts []command.Script
	// Family restricts the comparison to one family; zero: both.
	Family route.Family
}

// Trial is a report on commands in the making, with the states that it is of.
type Trial struct {
	Report *Try
	Run    *command.Run
	// Before is the state that was read.
	Before *change.State
}

// NewTrial makes commands on what was read. Errors are those of the source, a
// [*DeviceError], and a [*command.SyntaxError].
func NewTrial(ctx context.Context, src route.Source, q *TryQuestion) (t *Trial, err error) {
	during, err := Steady(src, route.Query{Family: q.Family}, func() (bool, error) {
		t, err = newTrial(ctx, src, q)
		return false, err
	})
	if err != nil {
		return nil, err
	}
	defer during.Close()
	if during.Changing() || t.Before.FIB().Snapshot().Changed {
		t.Report.MarkChanging()
	}
	return t, nil
}

func newTrial(ctx context.Context, src route.Source, q *TryQuestion) (*Trial, error) {
	fib, err := readTry(ctx, src, q)
	if err != nil {
		return nil, err
	}
	t := &Trial{Report: new(Try), Before: change.New(fib)}
	t.Run = &command.Run{After: t.Before}
	if err := t.Run.DoAll(q.Scripts); err != nil {
		return nil, err
	}
	t.commands()
	t.warnings()
	t.received(q)
	t.moves(q)
	if err := t.session(ctx, src, q); err != nil {
		return nil, err
	}
	return t, t.answers(ctx, src, q)
}

// readTry reads what the commands need: of large tables, where routes alone are changed,
// those that have to do with them.
func readTry(ctx context.Context, src route.Source, q *TryQuestion) (*lookup.FIB, error) {
	query := route.Query{AllDevices: true, NewDevices: true, Sockets: route.AllSockets}
	bare := query
	bare.NoRoutes = true
	small, err := lookup.Read(ctx, src, &lookup.Need{Query: bare})
	if err != nil {
		return nil, err
	}
	need := lookup.Need{Query: query}
	run := &command.Run{After: change.New(small)}
	understood := run.DoAll(q.Scripts) == nil
	need.Query.AllMarkers = looksAtMarks(small.Snapshot()) || looksAtMarks(run.After.FIB().Snapshot())
	if about, ok := aboutRoutes(run, q); ok && understood {
		need.About = about
	}
	return lookup.Read(ctx, src, &need)
}

// looksAtMarks reports whether some rule is for packets with a mark, or for those without one.
func looksAtMarks(s *route.Snapshot) bool {
	return slices.ContainsFunc(s.Rules, func(r route.Rule) bool { return r.Selector.MarkMask != 0 })
}

// aboutRoutes says which routes matter, where the commands that were run change routes alone.
// False: all do.
func aboutRoutes(run *command.Run, q *TryQuestion) (func(netip.Prefix) bool, bool) {
	var all []netip.Prefix
	for i := range run.Steps {
		step := &run.Steps[i]
		for _, c := range step.Changes {
			r, ok := c.(*change.Route)
			if !ok || r.Route.NextHopID != 0 {
				return nil, false
			}
			all = append(all, r.Route.Dst.Masked())
			for _, h := range r.Route.NextHops {
				if h.Gateway.IsValid() {
					all = append(all, netip.PrefixFrom(h.Gateway, h.Gateway.BitLen()))
				}
			}
			if a := r.Route.PrefSrc; a.IsValid() {
				all = append(all, netip.PrefixFrom(a, a.BitLen()))
			}
		}
		if len(step.Changes) == 0 && step.Refusal == nil {
			return nil, false // a flush, which finds nothing yet
		}
		if g := step.Get.Dst; g.IsValid() {
			all = append(all, netip.PrefixFrom(g, g.BitLen()))
		}
	}
	for i := range q.To {
		if p := q.To[i].Prefix; p.IsValid() {
			all = append(all, p)
		}
	}
	a := asker{Question: &q.Question}
	ends := connected(run.After.FIB().Snapshot().Sockets)
	return func(dst netip.Prefix) bool {
		return slices.ContainsFunc(all, dst.Overlaps) || a.concerns(dst) || coversAny(dst, ends)
	}, true
}

// commands tells what became of each command.
func (t *Trial) commands() {
	for i := range t.Run.Steps {
		t.Report.Commands = append(t.Report.Commands, t.command(&t.Run.Steps[i]))
	}
	for _, l := range t.Run.Foreign {
		t.Report.PassedOver = append(t.Report.PassedOver, TryLine{l.Text, l.Number})
	}
	for _, l := range t.Run.Left {
		t.Report.NotReached = append(t.Report.NotReached, TryLine{l.Text, l.Number})
	}
}

func (t *Trial) command(s *command.Step) TryCommand {
	out := TryCommand{Command: s.Text, Line: s.Line, Accepted: s.Accepted(), Warning: s.Warning, Reads: s.Reads, Position: s.Position}
	switch no := s.KernelSays; {
	case s.Refusal != nil:
		out.By, out.Message, out.Start, out.End = s.Refusal.By, s.Refusal.Message, s.Refusal.Start, s.Refusal.End
	case no != nil && no.Unknown != "":
		out.Unknown, out.Message = true, no.Unknown
	case no != nil:
		out.By, out.Errno, out.Message = byKernel, no.Errno, no.Error()
	}
	if !out.Accepted {
		t.explain(s, &out)
	}
	n := namesOf(s.After.FIB())
	gone, come := s.Removed(), s.Added()
	out.Removed, out.Added = len(gone), len(come)
	out.RemovedRoutes, out.AddedRoutes = n.refs(gone), n.refs(come)
	out.Surprises = t.surprises(s, n)
	return out
}

// byKernel is TryCommand.By where the kernel refuses.
const byKernel = "kernel"

// refs are the first of some routes by names.
func (n names) refs(all []change.RouteRef) []iproute2.Route {
	var out []iproute2.Route
	for i := range all[:min(len(all), maxTryRoutes)] {
		full := all[i].Full()
		full.Table = all[i].Table
		out = append(out, *n.route(&full))
	}
	return out
}

// moves compares the states before and after.
func (t *Trial) moves(q *TryQuestion) {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	m := newMoves(before, after)
	d := &differ{before: namesOf(before), after: namesOf(after)}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if q.Family == 0 || q.Family == f {
			d.families = append(d.families, f)
			udp := coverage.Flow{Flow: route.Flow{Proto: route.ProtoUDP}}
			m.lists = append(m.lists, coverage.Edited(before, after, f, t.changedPrefixes(f), udp, m.mark))
		}
	}
	for _, f := range d.families { // after the comparison, which takes much memory too
		d.routes = append(d.routes, t.changedRoutes(f))
	}
	t.Report.ranges = m.ranges()
	t.Report.Moves = m.rows(t.Report.ranges)
	t.Report.shares = m.shares(&t.Report.Moves)
	rules, maybe := d.selected()
	t.Report.OthersMay = maybe
	t.Report.Warnings = append(t.Report.Warnings, d.selections(rules)...)
}

// changedPrefixes are those of a family to which the commands changed routes.
func (t *Trial) changedPrefixes(f route.Family) []netip.Prefix {
	var out []netip.Prefix
	for i := range t.Run.Steps {
		for _, refs := range [][]change.RouteRef{t.Run.Steps[i].Removed(), t.Run.Steps[i].Added()} {
			n := 0
			for _, r := range refs {
				if route.FamilyOf(r.Dst.Addr()) == f {
					n++
				}
			}
			out = slices.Grow(out, n)
			for _, r := range refs {
				if route.FamilyOf(r.Dst.Addr()) == f {
					out = append(out, r.Dst)
				}
			}
		}
	}
	return out
}

// changedRoutes are those of a family that the commands changed.
func (t *Trial) changedRoutes(f route.Family) *coverage.Difference {
	out := new(coverage.Difference)
	add := func(to *route.List, refs []change.RouteRef) {
		for _, r := range refs {
			if route.FamilyOf(r.Dst.Addr()) == f {
				full := r.Full()
				full.Table = r.Table
				to.Add(&full)
			}
		}
	}
	for i := range t.Run.Steps {
		add(&out.Removed, t.Run.Steps[i].Removed())
		add(&out.Added, t.Run.Steps[i].Added())
	}
	return out
}

// answers tells of the destinations that were asked about.
func (t *Trial) answers(ctx context.Context, src route.Source, q *TryQuestion) error {
	q.NoKernel = true
	for i := range q.To {
		d := &q.To[i]
		before, err := t.about(ctx, src, q, t.Before.FIB(), d)
		if err != nil {
			return err
		}
		after, err := t.about(ctx, src, q, t.Run.After.FIB(), d)
		if err != nil {
			return err
		}
		a := TryAnswer{Query: before.Query, Before: before.Decision, After: after.Decision}
		a.ReceivedBefore, a.ReceivedAfter = before.SeenOnMaster(), after.SeenOnMaster()
		a.Differs = !sameFate(&a.Before, &a.After) || !sameDevice(a.ReceivedBefore, a.ReceivedAfter)
		if q.Packet.From.IsValid() { // the query has it
			a.Before.Src, a.After.Src = netip.Addr{}, netip.Addr{}
		}
		if q.Detail {
			a.ExplainedBefore, a.ExplainedAfter = before, after
		}
		t.Report.Answers = append(t.Report.Answers, a)
	}
	return nil
}

// about explains a destination in one of the states. Of a prefix, it is an address of it
// that no longer prefix covers.
func (t *Trial) about(ctx context.Context, src route.Source, q *TryQuestion, fib *lookup.FIB, d *Destination) (*Explanation, error) {
	a := &asker{Question: &q.Question, src: src, fib: fib}
	to := *d
	if d.isPrefix() {
		to = Destination{Addr: fib.Typical(d.Prefix).Dst, Host: ""}
	}
	l, err := a.packet(ctx, &to)
	if err != nil {
		return nil, err
	}
	e := l.Report()
	if d.isPrefix() {
		e.Query.Label = d.Prefix.String()
	}
	return e, nil
}

// sameFate reports whether two decisions do the same with a packet.
func sameFate(a, b *Decision) bool {
	if a.Disposition != b.Disposition || a.Errno != b.Errno || a.Src != b.Src || len(a.NextHops) != len(b.NextHops) || a.WayOut != b.WayOut {
		return false
	}
	for i := range a.NextHops {
		x, y := &a.NextHops[i], &b.NextHops[i]
		if x.Gateway != y.Gateway || x.Dev != y.Dev || x.Share != y.Share {
			return false
		}
	}
	return true
}
