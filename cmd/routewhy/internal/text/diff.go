package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// maxShown is how many lines of one kind are shown without -v.
const maxShown = 40

// Diff writes the differences as text: first the objects, which are the causes, and
// then the destinations in ascending order.
func Diff(w io.Writer, d *report.Diff, st Style) error {
	p := &page{w: w, st: st}
	text := diffHeadline(d)
	if st.Quiet && d.Noted(lookup.NoteChanging) {
		text += changingAside
	}
	p.line(st.paint(bold, text))
	if st.Quiet {
		return p.err
	}
	p.objects(d)
	moves := d.Moves()
	for i := range moves {
		if i == maxShown && !st.Verbose {
			p.blank()
			p.line(fmt.Sprintf("and %d more (-v)", len(moves)-i))
			break
		}
		p.move(d, &moves[i])
	}
	p.blank()
	p.selected(d.Warnings)
	return p.err
}

func diffHeadline(d *report.Diff) string {
	switch n := d.Destinations.Len(); {
	case d.Same():
		return "nothing differs"
	case n == 0 && d.OthersMay:
		return "nothing changes for packets without a mark or source of their own, but the set-up differs"
	case n == 0:
		return "no destination is decided differently, but the set-up differs"
	case n == 1:
		return "one range of destinations is decided differently"
	default:
		return fmt.Sprintf("%d ranges of destinations are decided differently", n)
	}
}

// maxSelected is how many notes about packets are shown without -v.
const maxSelected = 8

// selected writes which packets were not compared and may be decided differently.
func (p *page) selected(all []report.Finding) {
	n := 0
	for i := range all {
		if all[i].Code == report.RemarkSelected {
			if n == maxSelected && !p.st.Verbose {
				p.detail("note", fmt.Sprintf("and so may those of %d more rules (-v)", len(all)-i), yellow)
				return
			}
			n++
		}
		p.detail("note", diffFinding(&all[i]), yellow)
	}
}

// diffFinding puts a finding about two hosts into words.
func diffFinding(n *report.Finding) string {
	if n.Code != report.RemarkSelected {
		return changingWords
	}
	text, ask := selection(n)
	if ask != "" {
		text += fmt.Sprintf(": compare routewhy %s --load OLD with --load NEW", ask)
	}
	return text
}

// selection says which packets were not compared, and gives the arguments that ask about
// one of them; empty: no such packet is known.
func selection(n *report.Finding) (text, ask string) {
	text = fmt.Sprintf("packets %s may be decided differently", packetsOf(n.Rule))
	if n.Ask == nil {
		return text, ""
	}
	dst := "ADDRESS"
	if n.Ask.Dst.IsValid() {
		dst = n.Ask.Addr().String()
	}
	return text, dst + asking(n.Ask)
}

// packetsOf says which packets a rule picks.
func packetsOf(r *iproute2.Rule) string {
	text := r.Selector()
	if mark, ok := strings.CutPrefix(text, "fwmark "); ok {
		text = "with mark " + mark
	}
	if mark, ok := strings.CutPrefix(text, "not fwmark "); ok && !strings.Contains(mark, " ") {
		text = "without mark " + mark
	}
	if r.L3Mdev {
		text = strings.Replace(text, "l3mdev", "of a VRF", 1)
	}
	return text
}

// maxRanges is how many ranges are named without -v, if the same happens to all of
// them.
const maxRanges = 8

// move writes the ranges that have the same before and after.
func (p *page) move(d *report.Diff, m *report.Move) {
	p.blank()
	var ranges []string
	for i, r := range m.Ranges {
		switch {
		case i < maxRanges || p.st.Verbose:
			ranges = append(ranges, rangeText(r.First, r.Last))
		case i == len(m.Ranges)-1:
			ranges = append(ranges, agree(len(m.Ranges)-maxRanges, "range more (-v)", "ranges more (-v)"))
		}
	}
	p.block("", fmt.Sprintf("%s: %s", strings.Join(ranges, ", "), addresses(m.Size())), plain)
	dst := m.Ranges[0].First
	before, after := d.Decisions(m)
	was, is := verdictOf(dst, before), verdictOf(dst, after)
	if was == is {
		was, is = was+shares(before), is+shares(after)
	}
	p.block("  before  ", was, plain)
	p.block("  after   ", is, plain)
}

// shares are the parts of all flows that each of several next hops gets.
func shares(d *report.Decision) string {
	var out []string
	for i := range d.NextHops {
		if h := &d.NextHops[i]; len(d.NextHops) > 1 && h.Share > 0 {
			out = append(out, shareAmong(d.NextHops, i, hopShare)+" "+nextHopWords(h))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, ", ")
}

// addresses is a number of addresses, with commas. One that only IPv6 can have is rounded,
// as nobody reads 20 digits.
func addresses(n *big.Int) string {
	const readable, all = 48, 128 // bits
	whole := new(big.Int).Lsh(big.NewInt(1), all)
	left := new(big.Int).Sub(whole, n)
	switch {
	case n.BitLen() <= readable:
	case left.BitLen() <= all-4:
		return "nearly all IPv6 addresses"
	case left.BitLen() <= all-1:
		return "most IPv6 addresses"
	default:
		power := n.BitLen() - 1
		if n.TrailingZeroBits() == uint(power) {
			return fmt.Sprintf("2^%d addresses", power)
		}
		if n.Bit(power-1) == 1 { // nearer to the next one
			power++
		}
		return fmt.Sprintf("about 2^%d addresses", power)
	}
	if n.IsInt64() && n.Int64() == 1 {
		return "1 address"
	}
	return commas(n.String()) + " addresses"
}

// commas puts a comma after every three digits, counted from the end.
func commas(digits string) string {
	out := ""
	for len(digits) > 3 {
		digits, out = digits[:len(digits)-3], ","+digits[len(digits)-3:]+out
	}
	return digits + out
}

// rangeText is a range, written as a prefix if it is one.
func rangeText(first, last netip.Addr) string {
	for bits := range first.BitLen() + 1 {
		p := netip.PrefixFrom(first, bits)
		if p == p.Masked() && p.Contains(last) && (last == last.Next() || !p.Contains(last.Next())) {
			return p.String()
		}
	}
	return first.String() + " - " + last.String()
}

func verdictOf(dst netip.Addr, d *report.Decision) string {
	return told{&report.Explanation{Query: report.Query{Dst: netip.PrefixFrom(dst, dst.BitLen())}, Decision: *d}}.verdict()
}

// DiffJSON writes the differences as JSON, one row at a time. The output looks as if
// [WriteJSON] had written it.
func DiffJSON(w io.Writer, d *report.Diff) error {
	rest := struct {
		OthersMay bool             `json:"others_may,omitempty"`
		Warnings  []report.Finding `json:"warnings,omitempty"`
	}{d.OthersMay, d.Warnings}
	for i := range rest.Warnings {
		rest.Warnings[i].Text = diffFinding(&rest.Warnings[i])
	}
	j := &rowsJSON{w: w}
	j.text("[\n  {\n    \"objects\": ")
	writeRows(j, &d.Objects, func(o *report.Object) { o.Text, _ = objectText(o) })
	j.text(",\n    \"destinations\": ")
	writeRows(j, &d.Destinations, func(*report.Change) {})
	tail := j.indented(rest, "  ")
	if body, ok := bytes.CutPrefix(tail, []byte("{\n")); ok {
		j.text(",\n" + string(body) + "\n]\n")
	} else {
		j.text("\n  }\n]\n")
	}
	return j.err
}

// rowsJSON writes JSON in parts, until there is an error.
type rowsJSON struct {
	w   io.Writer
	err error
}

func (j *rowsJSON) text(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

// indented is a value, indented by the prefix.
func (j *rowsJSON) indented(v any, prefix string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func writeRows[T any](j *rowsJSON, rows *report.Rows[T], mark func(*T)) {
	for i, x := range rows.All() {
		if j.err != nil {
			return
		}
		mark(x)
		before := ",\n      "
		if i == 0 {
			before = "[\n      "
		}
		j.text(before)
		j.text(string(j.indented(x, "      ")))
	}
	if rows.Len() == 0 {
		j.text("[]")
	} else {
		j.text("\n    ]")
	}
}
