package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// asks writes the rules of all look-ups that the packet needs. Mostly that is one
// look-up. If the second look-up of a connection has another result, each look-up
// gets its own heading.
func (p *page) asks(e told) {
	if !e.Twice {
		p.rules(e)
		return
	}
	then := e.BySource
	if len(then) == 0 {
		then = []*report.Explanation{e.Explanation}
	}
	first := told{e.SourceLookup}
	p.detail("first", "look-up, without a source: "+first.gets(), plain)
	p.rules(first)
	for i, part := range then {
		p.blank()
		if i >= maxBySource && !p.st.Verbose {
			p.detail("", fmt.Sprintf("and %d more sources (-v lists them)", len(then)-i), dim)
			return
		}
		text := "this one decides"
		if len(then) > 1 {
			text = told{part}.verdict()
		}
		p.detail("second", "look-up, from "+part.Looked().From.String()+": "+text, plain)
		p.rules(told{part})
	}
}

// maxBySource is how many second look-ups are shown without -v.
const maxBySource = 4

// gets says which source the first look-up of a connection gives.
func (e told) gets() string {
	d := &e.Decision
	switch {
	case d.Shortcut == lookup.ShortcutZero:
		return fmt.Sprintf("%s stands for %s", e.Looked().Addr(), d.Src)
	case d.Errno != 0:
		return fmt.Sprintf("it fails (%s)", programErrno(d))
	case d.Src.IsValid():
		return "it gives " + d.Src.String()
	}
	return "it gives that of the next hop taken"
}

// bySource says where a connection goes if it may get one of several sources.
func (e told) bySource() string {
	if e.eitherDefault() {
		return e.bySourceTied()
	}
	var out []string
	for _, part := range e.BySource {
		out = append(out, fmt.Sprintf("from %s %s", part.Looked().From, shortly(&part.Decision)))
	}
	return "goes by the source that a first look-up chooses: " + strings.Join(out, ", ")
}

// eitherDefault reports whether a connection takes any of the same equal default
// routes, whichever source it gets.
func (e told) eitherDefault() bool {
	n := len(liveWays(&e.SourceLookup.Decision))
	return !slices.ContainsFunc(e.BySource, func(part *report.Explanation) bool {
		d := &part.Decision
		return d.Ambiguous.Code != lookup.CodeDefaultsTie || len(liveWays(d)) != n
	})
}

// bySourceTied says where a connection goes if equal default routes choose first its
// source and then also its way.
func (e told) bySourceTied() string {
	var from []string
	for _, part := range e.BySource {
		from = append(from, part.Looked().From.String())
	}
	first := &e.SourceLookup.Decision
	which, n := "either", len(liveWays(first))
	if n > 2 {
		which = "any"
	}
	text := fmt.Sprintf("takes %s of %s default routes of the same metric, %s, from %s", which, numeral(n),
		eitherWay(first), strings.Join(from, " or "))
	if alternates(first) {
		text += ", and not always by the device that has it"
	}
	return text
}

// shortly says in a few words what happens to a packet.
func shortly(d *report.Decision) string {
	live := liveWays(d)
	switch {
	case d.Errno != 0:
		return fmt.Sprintf("refused (%s)", programErrno(d))
	case d.Disposition == lookup.DispositionUnknown:
		return "unknown"
	case d.Ambiguous.Code == lookup.CodeDefaultsTie:
		return "by one of " + numeral(len(live)) + " default routes of the same metric"
	case len(live) == 1:
		return hop(live[0].Gateway, live[0].Dev)
	}
	return "over " + numeral(len(live)) + " next hops"
}

// connecting is the part of the headline for a destination that TCP does not connect
// to.
func (e told) connecting() string {
	if e.ConnectErrno == 0 {
		return ""
	}
	return "; TCP connects to no group: " + errnoWords(e.ConnectErrno)
}

// socketTwice says why there are two look-ups.
func (e told) socketTwice() string {
	return fmt.Sprintf("a connected socket without a source looks up twice, the second time from the one that it got; `ip route get %s` shows the first alone",
		e.SourceLookup.Looked().Addr())
}

// again says that a connection looked up twice and found the same route. It says so
// only if everything is told.
func (p *page) again(e told) {
	if e.SourceLookup != nil && !e.Twice && p.st.Verbose && len(e.BySource) == 0 {
		p.detail("socket", fmt.Sprintf("looks up twice, the second time from %s, and finds the same", e.Looked().From), plain)
	}
}

// lookupsAgree says that the kernel agrees with all second look-ups, if there are
// several.
func (p *page) lookupsAgree(e told) {
	if e.sourceAsked() {
		p.detail("kernel", fmt.Sprintf("agrees with all %s look-ups", numeral(1+len(e.BySource))), plain)
	}
}

// both says that the kernel was asked about both look-ups of a connection.
func (e told) both() string {
	if e.Twice && e.sourceAsked() {
		return " with both look-ups"
	}
	return ""
}

// sourceAsked reports whether the kernel was asked about the first look-up.
func (e told) sourceAsked() bool {
	return e.SourceLookup != nil && e.SourceLookup.Kernel != nil && e.SourceLookup.Kernel.Asked
}

// portChosen says that a connection gets a source port for which there may be a rule; empty:
// there is none, or the port does not count. tcp_v4_connect looks up again with it, and a
// UDP socket has it before the first look-up (inet_autobind). tcp_v6_connect does neither.
func (e told) portChosen() string {
	q := e.Looked()
	if q.Sport != 0 || q.Dport == 0 || q.Iif != "" || q.IPProto != "udp" && (q.IPProto != "tcp" || !q.Dst.Addr().Is4()) {
		return ""
	}
	for i := range e.Trace {
		t := &e.Trace[i]
		if t.Reason.Code == lookup.CodeSport && usersPort(&t.Rule) {
			return fmt.Sprintf("; the kernel gives a connection a source port (net.ipv4.ip_local_port_range), and rule %d looks at it: --sport asks with one", t.Rule.Priority)
		}
	}
	return ""
}

// usersPort reports whether a rule is for source ports that programs get without root.
func usersPort(r *iproute2.Rule) bool {
	const privileged = 1024
	return max(r.Sport, r.SportEnd) >= privileged
}
