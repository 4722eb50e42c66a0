package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// maxNear is how many prefixes that do not cover the address are shown.
const maxNear = 4

// bitsView writes the address and the prefixes of the tables that were asked
// in binary: those that cover it, and of the others those that have the most
// leading bits in common with it, with the first bit that differs.
func (p *page) bitsView(e *Explanation) {
	if !p.st.Verbose || len(e.Trace.Rules) == 0 {
		return
	}
	a := e.Trace.Flow.Dst.WithZone("")
	covering, near := e.bitPrefixes(a)
	width := columns(a.String())
	for _, x := range append(slices.Clone(covering), near...) {
		width = max(width, columns(x.String()))
	}
	p.line("  " + pad("bits", labelWidth-2) + pad(a.String(), width) + "  " + binary(a, a.BitLen()))
	for _, x := range covering {
		text := binary(x.Addr(), x.Bits())
		switch {
		case x.Bits() == 0:
			text = "no bit is compared"
		case text == "":
			text = fmt.Sprintf("all %d bits are equal", x.Bits())
		}
		p.line(strings.Repeat(" ", labelWidth) + pad(x.String(), width) + "  " + text)
	}
	for _, x := range near {
		p.nearBits(a, x, width)
	}
}

// nearBits writes a prefix that does not cover the address, and marks the
// first bit that differs.
func (p *page) nearBits(a netip.Addr, x netip.Prefix, width int) {
	indent := strings.Repeat(" ", labelWidth)
	at := commonBits(a, x.Addr())
	what := fmt.Sprintf("bit %d differs", at+1)
	if a.Is6() {
		p.line(indent + p.st.paint(dim, pad(x.String(), width)+fmt.Sprintf("  %s, of %d compared", what, x.Bits())))
		return
	}
	p.line(indent + p.st.paint(dim, pad(x.String(), width)+"  "+binary(x.Addr(), x.Bits())))
	p.line(indent + p.st.paint(dim, strings.Repeat(" ", width+2+at+at/8)+"^ "+what))
}

// bitPrefixes are the prefixes that cover an address, from the longest, and
// the nearest of those that do not, in the tables that were asked.
func (e *Explanation) bitPrefixes(a netip.Addr) (covering, near []netip.Prefix) {
	seen := map[netip.Prefix]bool{}
	for i := range e.Trace.Rules {
		t := &e.Trace.Rules[i]
		if t.Table == 0 || t.Verdict == lookup.VerdictNotReached || t.Verdict == lookup.VerdictNoMatch && t.Candidates == nil && t.Reason.Code != lookup.CodeTableNoMatch {
			continue
		}
		for _, r := range e.FIB.InTable(route.FamilyOf(a), t.Table) {
			switch {
			case seen[r.Dst]:
			case r.Dst.Contains(a):
				covering = append(covering, r.Dst)
			case commonBits(a, r.Dst.Addr()) > 0:
				near = append(near, r.Dst)
			}
			seen[r.Dst] = true
		}
	}
	slices.SortStableFunc(covering, func(x, y netip.Prefix) int { return cmp.Compare(y.Bits(), x.Bits()) })
	slices.SortStableFunc(near, func(x, y netip.Prefix) int {
		return cmp.Compare(commonBits(a, y.Addr()), commonBits(a, x.Addr()))
	})
	return covering, near[:min(len(near), maxNear)]
}

// commonBits is how many leading bits two addresses of a family share.
func commonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range a.BitLen() {
		if (x[i/8]^y[i/8])&(0x80>>(i%8)) != 0 {
			return i
		}
	}
	return a.BitLen()
}

// binary is the first bits of an IPv4 address, by octets; empty for IPv6, whose
// bits no line holds.
func binary(a netip.Addr, bits int) string {
	if a.Is6() {
		return ""
	}
	var b strings.Builder
	octets := a.As4()
	for i := range bits {
		if i > 0 && i%8 == 0 {
			b.WriteByte('.')
		}
		b.WriteByte('0' + octets[i/8]>>(7-i%8)&1)
	}
	return b.String()
}
