package render

import (
	"encoding/json"
	"net/netip"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// A large table holds a million routes over a few next hops, and writing out
// the same words for each takes three times as long as reading them from the
// kernel. So what is the same of routes that differ in their destination alone
// is written once and kept.

// alikeKey is all of a route but its destination, for routes without anything
// that is rarely there.
type alikeKey struct {
	table    route.Table
	src      netip.Prefix
	prefSrc  netip.Addr
	hop      route.NextHop
	hops     int
	metric   uint32
	object   uint32
	flags    route.RouteFlags
	tos      uint8
	typ      route.Type
	scope    route.Scope
	protocol route.Protocol
	pref     route.Preference
	family   route.Family
}

// keyOf is a route's key; false: it has something that the key has no place for.
func keyOf(r *route.Route) (alikeKey, bool) {
	if len(r.NextHops) > 1 || len(r.Metrics) > 0 || len(r.Unknown) > 0 || r.Expires != 0 {
		return alikeKey{}, false
	}
	k := alikeKey{
		table: r.Table, src: r.Src, prefSrc: r.PrefSrc, hops: len(r.NextHops), metric: r.Metric, object: r.NextHopID,
		flags: r.Flags, tos: r.TOS, typ: r.Type, scope: r.Scope, protocol: r.Protocol, pref: r.Pref, family: r.Family(),
	}
	if len(r.NextHops) == 1 {
		k.hop = r.NextHops[0]
	}
	return k, true
}

// around is what stands before and behind a route's destination.
type around struct{ before, behind string }

// rowWriter writes rows that differ in the destination alone.
type rowWriter struct {
	make func(*route.Route) string // a whole row
	kept map[alikeKey]around
	row  []byte
}

// text is the row of a route; it is overwritten by the next call.
func (w *rowWriter) text(r *route.Route) []byte {
	k, ok := keyOf(r)
	if !ok {
		return append(w.row[:0], w.make(r)...)
	}
	a, known := w.kept[k]
	if !known {
		before, behind, _ := strings.Cut(w.make(r), r.Dst.String())
		a = around{before, behind}
		if w.kept == nil {
			w.kept = make(map[alikeKey]around)
		}
		w.kept[k] = a
	}
	w.row = append(w.row[:0], a.before...)
	w.row = r.Dst.AppendTo(w.row)
	w.row = append(w.row, a.behind...)
	return w.row
}

// textRows writes routes as lines of a dump, without columns.
func textRows(s *route.Snapshot) *rowWriter {
	return &rowWriter{make: func(r *route.Route) string {
		c := dumpCells(s, r)
		return strings.Repeat(" ", tableIndent) + strings.Join(nonEmpty(c.dst, c.way, c.attrs), "  ") + "\n"
	}}
}

// jsonRows writes routes as JSON objects.
func jsonRows(s *route.Snapshot) *rowWriter {
	return &rowWriter{make: func(r *route.Route) string {
		b, err := json.Marshal(iproute2.RouteJSON(s, r))
		if err != nil { // strings and numbers always encode
			return "null"
		}
		return string(b)
	}}
}
