package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// maxSetters is how many of the things that set a mark are written if the output is not
// verbose.
const maxSetters = 2

// markSetters says what could give the packet the mark that it lacks for a rule. That nothing
// does, or that it was not read, is written only if the output is verbose.
func (p *page) markSetters(t *report.RuleTrial) {
	indent := strings.Repeat(" ", candidateIndent+2)
	all := t.MarkSetters
	n := len(all)
	if !p.st.Verbose {
		n = min(n, maxSetters)
	}
	for i := range all[:n] {
		p.block(indent, setterWords(&all[i]), dim)
	}
	switch {
	case n < len(all):
		p.block(indent, agree(len(all)-n, "more thing sets it", "more things set it")+" (-v)", dim)
	case !p.st.Verbose || t.Reason.Code != lookup.CodeMark:
	case t.MarkSettersUnread != "":
		p.block(indent, "what could set this mark is not known: "+iproute2.Safe(t.MarkSettersUnread), dim)
	case len(all) == 0:
		p.unset = append(p.unset, t.Rule.Priority)
	}
}

// unsetMarks says, below the rules, which of them want a mark that nothing sets.
func (p *page) unsetMarks() {
	if len(p.unset) == 0 {
		return
	}
	rules, mark := "rule ", "the mark"
	if len(p.unset) > 1 {
		rules, mark = "rules ", "the marks"
	}
	p.block(strings.Repeat(" ", candidateIndent+2),
		fmt.Sprintf("nothing that can be seen sets %s of %s%s (eBPF, tc and closed sockets are not seen)", mark, rules, numbers(p.unset)), dim)
	p.unset = nil
}

// numbers lists numbers. Of three or more that follow each other, it writes the first and the
// last one.
func numbers(all []uint32) string {
	var out []string
	for i := 0; i < len(all); {
		k := i
		for k+1 < len(all) && all[k+1] == all[k]+1 {
			k++
		}
		if k < i+2 {
			k = i
		}
		text := fmt.Sprint(all[i])
		if k > i {
			text = fmt.Sprintf("%d to %d", all[i], all[k])
		}
		out, i = append(out, text), k+1
	}
	return strings.Join(out, ", ")
}

// setterWords says what sets a mark, and whether that is in time.
func setterWords(s *report.MarkSetter) string {
	verb := "this mark is set by "
	if !s.Sure {
		verb = "this mark may be set by "
	}
	switch s.By {
	case "socket":
		text := verb + count(s.Sockets, "socket")
		if len(s.Processes) > 0 {
			var names []string
			for _, name := range s.Processes {
				names = append(names, iproute2.Safe(name))
			}
			text += " of " + strings.Join(names, ", ")
		}
		return text
	case "wireguard":
		return verb + iproute2.Safe(s.Dev) + " (WireGuard), for the packets that carry its own"
	case "iptables-legacy":
		return "this mark may be set by iptables-legacy: table " + iproute2.Safe(s.Table) + " of " + iproute2.Safe(s.Family) + "tables is there, its rules are not read"
	}
	text := verb + chainWords(s)
	if s.Packets != nil {
		text += ", " + packetsCounted(*s.Packets)
	}
	is := func(times ...lookup.Timing) bool {
		return !slices.ContainsFunc(s.When, func(t lookup.Timing) bool { return !slices.Contains(times, t) })
	}
	switch {
	case len(s.When) == 0:
	case is(lookup.SetNever):
		text += ": no packet comes there"
	case is(lookup.SetTooLate):
		text += ": too late, the route is chosen before"
	case is(lookup.SetOnReceipt, lookup.SetTooLate):
		text += ": for packets that come in"
	case slices.Contains(s.When, lookup.SetTooLate):
		text += ": in some of them too late"
	}
	return text
}

// chainWords names a rule's chain and how packets come there.
func chainWords(s *report.MarkSetter) string {
	var hooks []string
	for _, h := range s.Hooks {
		if h.Maybe && len(s.Hooks) > 1 {
			continue
		}
		hooks = append(hooks, fmt.Sprintf("type %s, hook %s", iproute2.Safe(h.Type), iproute2.Safe(h.Hook)))
	}
	text := "chain " + iproute2.Safe(s.Chain) + " of table " + iproute2.Safe(s.Family+" "+s.Table)
	if len(hooks) == 0 {
		return text
	}
	return text + " (" + strings.Join(hooks, "; ") + ")"
}

// packetsCounted is what a rule's counter has counted.
func packetsCounted(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// markedElse says what becomes of a packet to which a chain gives a mark.
func markedElse(n *report.Finding) string {
	return fmt.Sprintf("a packet to which %s gives mark %#x %s; this answer is for a packet without that mark", chainWords(n.MarkSetter), n.Have.Number(), fateWords(n))
}

// fateWords say what becomes of the packet that a finding is about.
func fateWords(n *report.Finding) string {
	switch {
	case n.Want.String() != "" && n.Route == nil && n.Rule == nil:
		return "finds no route (" + n.Want.String() + ")"
	case n.Want.String() != "":
		return "is refused (" + n.Want.String() + ")"
	case n.Route != nil:
		return "takes " + routeIn(n.Route)
	}
	return "needs no route"
}
