package text

import (
	"fmt"
	"strings"

	"routewhy/lookup/listen"
	"routewhy/route/iproute2"
)

// minClientsWidth is how many columns there must be beside an address for its clients.
// Otherwise they are below it.
const minClientsWidth = 32

// maxLong is about how many addresses several lines are said without -v.
const maxLong = 4

// reachedFrom is from how far an address is reached, where that can be said in short.
func reachedFrom(r listen.Reach) string {
	switch r {
	case listen.ReachFar:
		return "from other networks"
	case listen.ReachNear:
		return "from neighbours alone"
	}
	return ""
}

// reach lists this host's addresses, and which clients reach each.
func (p *page) reach(s *listening) {
	var width [2]int
	var locals []*own
	for i := range s.locals {
		l := &s.locals[i]
		if s.Query.Shows(l.Address) {
			locals = append(locals, l)
			width[0], width[1] = max(width[0], textWidth(l.Address.String())), max(width[1], textWidth(iproute2.Safe(l.Dev)))
		}
	}
	if len(locals) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, "this host's addresses, and who reaches each"))
	locals, links := p.linkAddresses(locals)
	said, long := map[string]string{}, 0
	for len(locals) > 0 {
		first := locals[0]
		n := runOf(len(locals), func(i int) bool { return first.likeBut(locals[i]) })
		shown := p.shownOf(n)
		for _, l := range locals[:shown] {
			lines := l.lines
			if first, ok := said[l.text]; ok && len(lines) > 1 {
				lines = []tinted{{"as " + first, plain}}
			} else {
				said[l.text] = l.Address.String()
			}
			if len(lines) > 1 {
				long++
			}
			if far := reachedFrom(l.ExposedAddress.Reach); long > maxLong && len(lines) > 1 && far != "" && !p.st.Verbose {
				lines = []tinted{{far + " (-v)", worse(lines[0].ink, lines[len(lines)-1].ink)}}
			}
			label := fmt.Sprintf("  %s  %s  ", pad(l.Address.String(), width[0]), pad(iproute2.Safe(l.Dev), width[1]))
			if p.st.width()-textWidth(label) < minClientsWidth && len(lines) > 1 {
				p.line(strings.TrimRight(label, " "))
				label = "      "
			}
			for _, t := range lines {
				p.block(label, t.text, t.ink)
				label = strings.Repeat(" ", textWidth(label))
			}
		}
		if shown < n {
			p.line("  " + moreAddresses(n-shown, locals[shown].Address.String(), locals[n-1].Address.String()))
		}
		locals = locals[n:]
	}
	if links > 0 {
		p.block("  ", fmt.Sprintf("and %d link-local addresses, each of which its own link reaches (-v lists them)", links), plain)
	}
}

// linkAddresses are the addresses that are listed, and how many are left out because they are
// link-local and reached from their own link, as usual. Few of these are listed like others.
func (p *page) linkAddresses(all []*own) (listed []*own, links int) {
	usual := func(l *own) bool {
		return isLinkLocal6(l.Address.Addr()) && l.text == fmt.Sprint([]tinted{{"from " + iproute2.Safe(l.Dev) + ": " + itsLink, plain}})
	}
	for _, l := range all {
		if usual(l) {
			links++
		} else {
			listed = append(listed, l)
		}
	}
	if p.st.Verbose || links <= fewAlike || len(listed) == 0 {
		return all, 0
	}
	return listed, links
}

// likeBut reports whether the same is said about another address, which must be of the same
// family.
func (o *own) likeBut(x *own) bool {
	return o.text == x.text && o.Address.Addr().Is4() == x.Address.Addr().Is4()
}
