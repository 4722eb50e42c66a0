package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// noCarrier finds devices without carrier that take packets, if another route would carry
// these packets or if nothing else carries them. It ignores the network of a bridge and a
// second device without a cable, because nobody is there anyway.
func noCarrier(h *Host) []Finding {
	var out []Finding
	for _, f := range h.wayFindings(lookup.NoteLinkdownUsed, lookup.NoteDeviceDown) {
		if f.Code == lookup.NoteLinkdownUsed {
			h.onlyPort(&f)
		}
		whole := h.replacesDefault(&f) || f.Note.Route.IsDefault()
		several := len(h.hops(f.Note.Route)) > 1
		switch {
		case whole && !several:
			f.Severity = Error
		case several:
		default:
			continue
		}
		out = append(out, f)
	}
	for _, p := range h.pairs {
		a, b := &p.first, &p.second
		if ip := a.Dst.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() { // such packets name their device
			continue
		}
		if a.Type != route.TypeUnicast || b.Type != route.TypeUnicast || a.IsDefault() || a.TOS != b.TOS || !h.dark(a) || h.dark(b) || !h.used(a) {
			continue
		}
		r := *a
		out = append(out, Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeDarkFirst, Have: h.snap.LinkName(a.NextHops[0].Link)}, Route: &r, Table: r.Table},
			Routes: []route.Route{*b},
		})
	}
	return out
}

// replacesDefault reports whether a route of a finding is one of those that together cover a
// family's default route, and makes it the route that is named.
func (h *Host) replacesDefault(f *Finding) bool {
	first := f.Note.Route
	for _, by := range h.replaced(first.Family()) {
		if same(&by.Route, first) {
			return true
		}
		if i := slices.IndexFunc(f.Routes, func(r route.Route) bool { return same(&r, &by.Route) }); i >= 0 {
			f.Routes = slices.Clone(f.Routes)
			f.Note.Route, f.Routes[i] = &by.Route, *first
			return true
		}
	}
	return false
}

// Why a bridge or a bond has no carrier.
const (
	CodePortDown lookup.Code = "only-port-down"       // its only port is down; Have: the device, Want: the port, Route
	CodePortDark lookup.Code = "only-port-no-carrier" // its only port has no carrier; Have: the device, Want: the port, Route
)

// onlyPort makes a finding about a bridge or a bond without carrier tell of its only port.
func (h *Host) onlyPort(f *Finding) {
	l := h.snap.LinkByName(text(f.Have))
	if l == nil || l.Kind == kindVRF {
		return
	}
	var ports []*route.Link
	for i := range h.snap.Links {
		if h.snap.Links[i].Master == l.Index {
			ports = append(ports, &h.snap.Links[i])
		}
	}
	if len(ports) != 1 || ports[0].Carrier() {
		return
	}
	f.Code, f.Want = CodePortDark, ports[0].Name
	if !ports[0].Up() {
		f.Code = CodePortDown
	}
	f.Links = append(f.Links, l.Index, ports[0].Index)
}

// CodeDarkFirst: a route without carrier goes before another one to the same prefix; Have:
// its device, Route
const CodeDarkFirst lookup.Code = "no-carrier-first"

// dark reports whether all next hops of a route are on devices without carrier, and are
// still used.
func (h *Host) dark(r *route.Route) bool {
	for i := range r.NextHops {
		if r.NextHops[i].Flags&route.NextHopLinkDown == 0 || r.NextHops[i].Flags&route.NextHopDead != 0 {
			return false
		}
	}
	return len(r.NextHops) > 0
}
