package text

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup/report"
)

// bitsView writes the address and the prefixes of the tables that were asked, all in
// binary. It shows the prefixes that cover the address. Of the other prefixes it
// shows those that have the most leading bits in common with the address, and marks
// the first bit that differs.
func (p *page) bitsView(e told) {
	if !p.st.Verbose || e.Bits == nil {
		return
	}
	a, covering, near := e.Looked().Addr(), e.Bits.Covering, e.Bits.Near
	width := textWidth(a.String())
	for _, x := range append(slices.Clone(covering), near...) {
		width = max(width, textWidth(x.String()))
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
	at := report.CommonBits(a, x.Addr())
	what := fmt.Sprintf("bit %d differs", at+1)
	if a.Is6() {
		p.line(indent + p.st.paint(dim, pad(x.String(), width)+fmt.Sprintf("  %s, of %d compared", what, x.Bits())))
		return
	}
	p.line(indent + p.st.paint(dim, pad(x.String(), width)+"  "+binary(x.Addr(), x.Bits())))
	mark := strings.Repeat(" ", width+2+at+at/8) + "^ "
	if textWidth(indent+mark+what) > p.st.width() {
		mark = strings.TrimSuffix(mark[min(len(mark), textWidth(what)+1):], "^ ")
		p.line(indent + p.st.paint(dim, mark+what+" ^"))
		return
	}
	p.line(indent + p.st.paint(dim, mark+what))
}

// binary is the first bits of an IPv4 address, grouped by octets. It is empty for
// IPv6, because its bits do not fit on a line.
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
