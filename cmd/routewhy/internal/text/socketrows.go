package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup/listen"
	"routewhy/lookup/report"
)

// socketRow is one line. It stands for one socket or for several similar ones.
type socketRow struct {
	scope                    listen.Scope
	proto, addr, ports, who  string
	bound                    string // only its address
	process                  string // its name; empty: it is not known
	several                  bool   // several processes have that name
	remark                   string
	tint                     ink
	first, last, count, port uint16
}

func (r *socketRow) address() string { return r.addr + ":" + r.ports }

// rows are the lines, ordered by port. Similar sockets share a line: those with the
// same port, and without -v also those with consecutive ports.
func (s *listening) rows() []socketRow {
	all := make([]*report.Listener, len(s.Sockets))
	for i := range all {
		all[i] = &s.Sockets[i]
	}
	slices.SortStableFunc(all, func(x, y *report.Listener) int {
		return cmp.Or(cmp.Compare(x.Port, y.Port), cmp.Compare(x.Protocol, y.Protocol), x.Local.Compare(y.Local))
	})
	var out []socketRow
	for _, x := range all {
		r := s.row(x)
		near := out[max(0, len(out)-64):] // similar sockets are near each other
		if j := slices.IndexFunc(near, func(o socketRow) bool { return o.joins(&r, s.verbose) }); j >= 0 {
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

// joins reports whether another socket belongs in the same line.
func (r *socketRow) joins(o *socketRow, verbose bool) bool {
	return r.scope == o.scope && r.proto == o.proto && r.addr == o.addr && r.remark == o.remark &&
		(r.who == o.who || r.process != "" && r.process == o.process && r.last == o.port) &&
		(r.last == o.port || r.last+1 == o.port && !verbose)
}

// differsByAddress reports whether another line is the same as this one except for its
// address, which must be of the same family.
func (r *socketRow) differsByAddress(o *socketRow) bool {
	one := *o
	one.addr, one.bound = r.addr, r.bound
	return one == *r && (r.addr[0] == '[') == (o.addr[0] == '[')
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

// rowWidths are the widths of the columns of address and process.
func rowWidths(rows []socketRow) [2]int {
	var w [2]int
	for i := range rows {
		w[0] = max(w[0], min(28, textWidth(rows[i].address())))
		w[1] = max(w[1], min(24, textWidth(rows[i].who)))
	}
	return w
}

func (p *page) socketGroup(scope listen.Scope, all []socketRow, width [2]int) {
	var rows []*socketRow
	for i := range all {
		if all[i].scope == scope {
			rows = append(rows, &all[i])
		}
	}
	if len(rows) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, scopeTitle(scope)))
	for len(rows) > 0 {
		r := rows[0]
		n := runOf(len(rows), func(i int) bool { return r.differsByAddress(rows[i]) })
		shown := p.shownOf(n)
		for i, x := range rows[:shown] {
			remark := x.remark
			if i > 0 && shown < n && strings.Contains(remark, "\n") {
				remark = "as " + r.proto + " " + r.address()
			}
			p.socketRow(x, remark, width)
		}
		if shown < n {
			p.line(fmt.Sprintf("  %s  %s", r.proto, moreAddresses(n-shown, rows[shown].bound, rows[n-1].bound)))
		}
		rows = rows[n:]
	}
}

func (p *page) socketRow(r *socketRow, remark string, width [2]int) {
	head := fmt.Sprintf("  %s  %s  %s", r.proto, pad(r.address(), width[0]), pad(r.who, width[1]))
	switch {
	case remark == "":
		p.line(head)
	case !strings.Contains(remark, "\n") && textWidth(head)+2+textWidth(remark) <= p.st.width():
		p.line(head + "  " + p.st.paint(r.tint, remark))
	default:
		p.line(head)
		for line := range strings.SplitSeq(remark, "\n") {
			p.block("         ", line, r.tint)
		}
	}
}

const (
	// manyAlike is how many consecutive lines that differ only in their address are
	// all shown without -v. If there are more, only fewAlike are shown.
	manyAlike = 12
	fewAlike  = 4
)

// runOf is how many of n lines at the beginning are like the first one.
func runOf(n int, like func(int) bool) int {
	for i := 1; i < n; i++ {
		if !like(i) {
			return i
		}
	}
	return n
}

// shownOf is how many of n similar lines are shown.
func (p *page) shownOf(n int) int {
	if n > manyAlike && !p.st.Verbose {
		return fewAlike
	}
	return n
}

func moreAddresses(n int, first, last string) string {
	return fmt.Sprintf("and %d more addresses alike, from %s to %s (-v lists them)", n, first, last)
}
