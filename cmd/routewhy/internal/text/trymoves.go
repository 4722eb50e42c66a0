package text

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// shift are ranges with the same way before and after.
type shift struct {
	before, after string
	size          *big.Int
	ofDefault     bool
}

// maxMoves is how many moves are shown without -v.
const maxMoves = 4

// moves writes how many addresses are decided differently. The share of the default
// route comes first.
func (p *tryPage) moves() {
	p.blank()
	if p.st.Verbose {
		d := p.Moved()
		all := d.Moves()
		for i := range all[:min(len(all), maxShown)] {
			p.move(d, &all[i])
		}
		p.blank()
		return
	}
	list := sums(p.Shares())
	label := "moves"
	for i, m := range list {
		if i == maxMoves {
			p.line("  " + pad("", labelWidth-2) + fmt.Sprintf("and %d more (-v)", len(list)-i))
			break
		}
		text := fmt.Sprintf("%s from %s to %s", addresses(m.size), m.before, m.after)
		if m.ofDefault {
			text += ", the default route's share"
		}
		p.detail(label, text, plain)
		label = ""
	}
}

// sums joins moves whose texts are the same.
func sums(all []report.Share) []*shift {
	var list []*shift
	for i := range all {
		x := &all[i]
		if x.Special() {
			continue // these move with the default route, and are shown with -v
		}
		before, after := x.Before, x.After
		one := shift{ledTo(before, false), ledTo(after, false), x.Size, before.Default || after.Default}
		if one.before == one.after {
			one.before, one.after = ledTo(before, true), ledTo(after, true)
		}
		if one.before == one.after && before.Disposition != after.Disposition {
			one.before, one.after = one.before+kindAside(before), one.after+kindAside(after)
		}
		if one.before == one.after {
			one.before, one.after = one.before+sourceAside(before), one.after+sourceAside(after)
		}
		at := slices.IndexFunc(list, func(m *shift) bool {
			return m.before == one.before && m.after == one.after && m.ofDefault == one.ofDefault
		})
		if at < 0 {
			list = append(list, &one)
		} else {
			list[at].size = new(big.Int).Add(list[at].size, one.size)
		}
	}
	slices.SortStableFunc(list, func(a, b *shift) int {
		if a.ofDefault != b.ofDefault {
			if a.ofDefault {
				return -1
			}
			return 1
		}
		return b.size.Cmp(a.size)
	})
	return list
}

// kindAside says that a packet is not a unicast packet.
func kindAside(d *report.Decision) string {
	if d.Disposition == lookup.DispositionUnicast {
		return ""
	}
	return " as " + d.Disposition.String()
}

// sourceAside names the source, if nothing else differs.
func sourceAside(d *report.Decision) string {
	if !d.Src.IsValid() {
		return ""
	}
	return " from " + d.Src.String()
}

// ledTo says in a few words where a decision leads, with the gateways if they are
// asked for.
func ledTo(d *report.Decision, gateways bool) string {
	switch d.Disposition {
	case lookup.DispositionUnicast, lookup.DispositionMulticast, lookup.DispositionBroadcast:
		if gateways {
			return strings.TrimPrefix(eitherWay(d), "via ")
		}
		var devs []string
		for _, h := range liveWays(d) {
			if dev := iproute2.Safe(h.Dev); !slices.Contains(devs, dev) {
				devs = append(devs, dev)
			}
		}
		return alternatives(devs)
	case lookup.DispositionLocal, lookup.DispositionAnycast:
		return "this host"
	case lookup.DispositionNoRoute:
		return "no route"
	case lookup.DispositionUnknown:
		return "what cannot be decided"
	}
	return "a refusal (" + d.Disposition.String() + ")"
}
