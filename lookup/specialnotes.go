package lookup

import (
	"net/netip"

	"routewhy/lookup/special"
	"routewhy/route"
)

// Notes about addresses to which a standard gives a meaning (package special).
// Have is the address.
const (
	NoteSpecialDst Code = "special-destination"
	NoteSpecialSrc Code = "special-source" // no router forwards what comes from it
)

// specialNotes note a special address that explains why no answer comes: a destination
// that goes to hosts that cannot know it, because the route was not made for its block;
// and a link-local source of a packet that a router has to forward.
func specialNotes(t *Trace) []Note {
	d := &t.Decision
	var out []Note
	if d.Disposition == DispositionAnycast && t.Flow.Proto == route.ProtoTCP { // tcp_v6_conn_request in net/ipv6/tcp_ipv6.c
		return []Note{{Reason: Reason{Code: NoteAnycastTCP, Have: t.Flow.Dst}}}
	}
	if t.Flow.Dst.IsLoopback() && t.Flow.In == 0 && d.Disposition == DispositionLocal {
		return []Note{{Reason: Reason{Code: NoteSpecialDst, Have: t.Flow.Dst}}}
	}
	if t.Flow.In != 0 || d.Disposition == DispositionLocal || d.Disposition == DispositionInvalid {
		return nil
	}
	if e, ok := special.Of(t.Flow.Dst); ok && strange(&e, d) {
		out = append(out, Note{Reason: Reason{Code: NoteSpecialDst, Have: t.Flow.Dst}})
	}
	private := d.Src.Is6() && d.Src.IsPrivate() && !t.Flow.Dst.IsPrivate() && !t.Flow.Dst.IsMulticast()
	if (d.Src.IsLinkLocalUnicast() || private) && !t.Flow.Dst.IsLinkLocalUnicast() && len(d.NextHops) > 0 && d.NextHops[0].Gateway.IsValid() {
		out = append(out, Note{Reason: Reason{Code: NoteSpecialSrc, Have: d.Src}})
	}
	return out
}

// strange reports whether the route was not made for the destination's block: the route
// is wider than the block.
func strange(e *special.Entry, d *Decision) bool {
	if !d.HasRoute || !d.Disposition.Success() || d.Route.Dst.Bits() >= e.Prefix.Bits() || e.Prefix.Addr().IsMulticast() {
		return false
	}
	// A source of the same kind shows that this was meant, as in a private network or in
	// a laboratory.
	own, ok := special.Of(d.Src)
	if ok && (own.Phrase == e.Phrase || sitesOwn(e) && (sitesOwn(&own) || d.Src.IsLinkLocalUnicast())) {
		return false
	}
	if sitesOwn(e) {
		return d.Src.IsValid()
	}
	return e.Global != special.Yes || e.Prefix == netip.MustParsePrefix("64:ff9b::/96")
}

// sitesOwn reports whether a block is for the use inside a site.
func sitesOwn(e *special.Entry) bool {
	return e.Prefix.Addr().IsPrivate() || e.Prefix == netip.MustParsePrefix("100.64.0.0/10")
}
