package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/lookup/report"
	"routewhy/route"
)

// explain is the main job: why each destination goes where it goes.
func explain(ctx context.Context, o *options, s stdio) error {
	dests, err := resolveAll(ctx, o)
	if err != nil {
		return err
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	q := &questions{options: o, dests: dests, host: host}
	return q.answer(ctx, s)
}

// resolveAll replaces host names by their addresses, and default by the
// default routes of the families asked about.
func resolveAll(ctx context.Context, o *options) ([]destination, error) {
	var out []destination
	for _, d := range o.destinations {
		switch d.kind {
		case kindHost:
			addrs, err := resolve(ctx, d, o.family, systemLookup())
			if err != nil {
				return nil, o.withoutWord(err, d)
			}
			out = append(out, addrs...)
		case kindPrefix:
			if err := o.packet.refusedFor(d); err != nil {
				return nil, err
			}
			out = append(out, d)
		case kindDefault:
			if err := o.packet.refusedFor(d); err != nil {
				return nil, err
			}
			for _, f := range families(o.family) {
				out = append(out, destination{kind: kindPrefix, prefix: f.Default(), either: o.family == 0})
			}
		default:
			out = append(out, d)
		}
	}
	return out, nil
}

// withoutWord adds to the error about a word that is no host's name the command line
// without it, where that is left.
func (o *options) withoutWord(err error, word destination) error {
	if len(hintsOf(err)) > 0 || strings.Contains(word.host, ".") || len(o.destinations) < 2 {
		return err
	}
	var rest []string
	for _, d := range o.destinations {
		if d.kind == kindHost {
			continue
		}
		rest = append(rest, d.String())
	}
	if len(rest) == 0 {
		return err
	}
	return withHint(err, "routewhy "+strings.Join(rest, " "))
}

func families(f route.Family) []route.Family {
	if f != 0 {
		return []route.Family{f}
	}
	return []route.Family{route.IPv4, route.IPv6}
}

// questions are the destinations of one command line and what they are
// answered from.
type questions struct {
	*options
	dests []destination
	host  route.Source
	fib   *lookup.FIB
	// answered are the destinations of answers, which are known only when the
	// packets' sources are.
	answered []netip.Addr
}

// read reads what the questions need, and no more: the routes that cover a
// destination, and what is small anyway.
func (q *questions) read(ctx context.Context) error {
	var err error
	q.fib, err = lookup.Read(ctx, q.host, &lookup.Need{
		Query: route.Query{Family: q.commonFamily(), Devices: q.devices(), AllDevices: q.reply, Policies: true},
		About: q.concerns,
	})
	return err
}

// devices are those that the flags name, whose settings matter.
func (q *questions) devices() []string {
	var out []string
	for _, d := range []optional[string]{q.packet.iif, q.packet.oif, q.packet.vrf} {
		if d.given {
			out = append(out, d.value)
		}
	}
	return out
}

// concerns says whether a route's prefix matters for a destination: it covers
// it, or, where the destination is a prefix itself, lies inside.
func (q *questions) concerns(dst netip.Prefix) bool {
	for i := range q.dests {
		d := &q.dests[i]
		if d.kind == kindPrefix && dst.Overlaps(d.prefix) || d.kind != kindPrefix && dst.Contains(d.addr) {
			return true
		}
		if d.port != 0 && d.addr.IsUnspecified() && dst.Contains(listen.Loopback(d.addr)) {
			return true
		}
	}
	from := q.packet.from
	return from.given && dst.Contains(from.value) || q.covers(dst)
}

// commonFamily is the family of all destinations, zero where they differ.
func (q *questions) commonFamily() route.Family {
	f := q.dests[0].family()
	for _, d := range q.dests {
		if d.family() != f {
			return 0
		}
	}
	return f
}

// answer is one explained destination.
type answer interface {
	// MarkChanging says that the tables were changing while they were read.
	MarkChanging()
	// Status is what the answer comes to.
	Status() report.Status
}

// answer explains every destination and writes the result.
func (q *questions) answer(ctx context.Context, s stdio) error {
	var all []answer
	concerns := func(_ route.Table, dst netip.Prefix) bool { return q.concerns(dst) }
	w, err := steady(q.host, route.Query{Family: q.commonFamily(), Keep: concerns}, func() (bool, error) {
		var err error
		all, err = q.answers(ctx)
		return slices.ContainsFunc(all, disagrees), err
	})
	defer w.close()
	if err != nil {
		return err
	}
	if w.changing() {
		for _, a := range all {
			a.MarkChanging()
		}
	}
	if err := q.write(all, s); err != nil {
		return err
	}
	return q.worstOf(all)
}

// answers reads, and explains every destination.
func (q *questions) answers(ctx context.Context) ([]answer, error) {
	if err := q.read(ctx); err != nil {
		return nil, err
	}
	var all []answer
	for _, d := range q.dests {
		if d.kind == kindPrefix {
			all = append(all, report.NewPrefix(q.fib, d.prefix))
			continue
		}
		if q.isZeroPage(d) {
			z, err := q.explainZero(ctx, d)
			if err != nil {
				return nil, err
			}
			all = append(all, z)
			continue
		}
		e, err := q.explainAddress(ctx, d)
		if err != nil {
			return nil, err
		}
		all = append(all, e.Report())
	}
	return all, nil
}

// disagrees reports whether the kernel gave another answer.
func disagrees(a answer) bool { return a.Status() == report.StatusDisagrees }

func (q *questions) write(all []answer, s stdio) error {
	for _, a := range all {
		s.tell(a)
	}
	if q.json {
		out := make([]any, len(all))
		for i, a := range all {
			out[i] = a
		}
		return text.WriteJSON(s.Stdout, out)
	}
	st := q.style(s)
	for i, a := range all {
		if i > 0 && !st.Quiet {
			fmt.Fprintln(s.Stdout)
		}
		var err error
		switch e := a.(type) {
		case *report.Prefix:
			err = text.ExplainPrefix(s.Stdout, e, st)
		case *report.Zero:
			err = text.ExplainZero(s.Stdout, e, st)
		case *report.Explanation:
			err = text.Explain(s.Stdout, e, st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// worstOf is the exit status of the worst answer. Where `default` stands for
// both families, one default route suffices, but one that is dead is told.
func (q *questions) worstOf(all []answer) error {
	status := exitOK
	for i, a := range all {
		one := int(a.Status())
		if d := q.dests[i]; d.either {
			other := i + 1
			if d.family() == route.IPv6 {
				other = i - 1
			}
			if p, ok := a.(*report.Prefix); !ok || p.WayOut == "" {
				one = min(one, int(all[other].Status()))
			}
		}
		status = max(status, one) // the graver, the higher
	}
	if status == exitOK {
		return nil
	}
	return statusError(status)
}

// explainAddress answers one question, and asks the kernel the same.
func (q *questions) explainAddress(ctx context.Context, d destination) (*report.Look, error) {
	p, subject := q.packetTo(d), d.label()
	if to := d.connects(&p); to.addr != d.addr {
		d, subject = to, subject+" ("+to.label()+")"
	}
	flow, err := q.flow(d, &p)
	if err != nil {
		return nil, err
	}
	e := &report.Look{
		FIB: q.fib, Trace: q.trace(d, flow), Label: subject, Given: q.packet.given(), Fields: p.fields(), Remarks: d.notes, Detail: q.verbose,
	}
	e.Notes = q.fib.Notes(e.Trace)
	if d.port != 0 {
		e.ConnectErrno = listen.Refuses(&e.Trace.Flow, &e.Trace.Decision)
	}
	q.addLookups(e)
	if err := q.listeners(ctx, d, e); err != nil {
		return nil, err
	}
	if q.reply {
		who := answerer(e.Met)
		r := q.fib.ReplyOf(e.Trace, who)
		if q.unread(r) {
			if err := q.read(ctx); err != nil {
				return nil, err
			}
			return q.explainAddress(ctx, d)
		}
		q.addReply(e, r, &p)
		e.Answerer = who
	}
	return e, q.ask(ctx, e)
}

// flow is the packet that goes to a destination.
func (q *questions) flow(d destination, p *packet) (route.Flow, error) {
	f := route.Flow{
		Dst: d.addr, Src: p.from.value, Mark: p.mark.value, TOS: p.tos.value, Proto: p.proto.value,
		SrcPort: p.sport.value, DstPort: p.dport.value, FlowLabel: p.flowLabel.value, UID: uint32(os.Getuid()),
	}
	if p.uid.given {
		f.UID = p.uid.value
	}
	if !p.proto.given && d.addr.Is4() {
		f.Proto = protoUDP
	}
	var err error
	if f.In, err = q.device("--iif", p.iif); err != nil {
		return f, err
	}
	out, flag := p.oif, "--oif"
	if d.zone != "" {
		flag = d.String()
	}
	if p.vrf.given {
		out, flag = p.vrf, "--vrf"
		if l := q.fib.Snapshot().LinkByName(p.vrf.value); l != nil && l.Kind != "vrf" {
			return f, fmt.Errorf("--vrf: %s is not a VRF device", quote(p.vrf.value))
		}
	}
	f.Out, err = q.device(flag, out)
	return f, err
}

// device finds a device by its name or, as a zone may give it, by its index.
func (q *questions) device(flag string, name optional[string]) (int, error) {
	if !name.given {
		return 0, nil
	}
	s := q.fib.Snapshot()
	if l := s.LinkByName(name.value); l != nil {
		return l.Index, nil
	}
	if n, err := strconv.Atoi(name.value); err == nil && s.Link(n) != nil {
		return n, nil
	}
	return 0, withHint(fmt.Errorf("%s: no device %s here", flag, quote(name.value)), "ip link lists them")
}

// label is how a destination is named in the answer.
func (d destination) label() string {
	addr := destination{kind: kindAddress, addr: d.addr, zone: d.zone, port: d.port}.String()
	if d.host != "" {
		return d.host + " (" + addr + ")"
	}
	return addr
}

// style is how the text is to be drawn.
func (o *options) style(s stdio) text.Style {
	st := text.Style{
		Color: o.colored(s), Unicode: s.utf8(), Width: 80, Verbose: o.verbose, Quiet: o.quiet,
	}
	if s.StdoutTTY && s.Width > 0 {
		st.Width = s.Width
	}
	return st
}
