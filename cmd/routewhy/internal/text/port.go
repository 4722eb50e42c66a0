package text

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// onMaster says that IP receives the packet on another device than the one that was asked
// about; empty: it does not.
func (e told) onMaster() string {
	n := e.SeenOnMaster()
	if n == nil {
		return ""
	}
	return seenOn(&n.Reason)
}

// seenOn says on which device IP receives what comes in at a port.
func seenOn(r *report.Reason) string {
	port, master := name(r.Have), name(r.Want)
	if owner := portOwner(master); owner != master {
		return fmt.Sprintf("is received on %s, not on its port %s", owner, port)
	}
	return fmt.Sprintf("is received on %s, of which %s is a port", master, port)
}

// seenOnMaster says that a packet's device is a port, and how to ask about the packet.
func (e told) seenOnMaster(n *report.Finding) string {
	port, master := name(n.Have), name(n.Want)
	if owner := portOwner(master); owner != master {
		return fmt.Sprintf("%s is a port of Open vSwitch: what comes in there, IP receives on %s, and so no packet is decided as this look-up says", port, owner)
	}
	return fmt.Sprintf("%s is a port of the %s %s, which takes all that comes in there: no packet is decided as this look-up says; routewhy %s%s",
		port, kind(n), master, e.label(), asking(e.askedOn(n)))
}

// otherwise writes how to ask about the packet as IP receives it.
func (p *page) otherwise(x missed) {
	n := x.SeenOnMaster()
	if owner := portOwner(name(n.Want)); owner != name(n.Want) {
		return
	}
	want := iproute2.Safe(x.r.Want)
	if strings.Contains(want, " ") {
		want = "'" + want + "'"
	}
	p.detail("ask", fmt.Sprintf("routewhy %s%s --why-not %s", x.label(), asking(x.askedOn(n)), want), plain)
}

// whichPort says what chooses the port by which a frame leaves a bridge or a bond.
func (p *page) whichPort(x missed) {
	master := iproute2.Safe(x.r.Master)
	for i := range x.r.Warnings {
		switch n := &x.r.Warnings[i]; {
		case master == "" || n.Code != lookup.NoteIsPort:
		case n.Kind == "bridge":
			p.detail("port", fmt.Sprintf("%s chooses the port by the neighbour's MAC address: bridge fdb show br %[1]s", master), plain)
		default:
			p.detail("port", master+" chooses the port", plain)
		}
	}
}

// askedOn is the packet as IP receives it, with the fields that were given.
func (e told) askedOn(n *report.Finding) *report.Query {
	q := e.Query
	q.Iif = n.Want.String()
	if !q.Has(lookup.FieldMark) {
		q.Mark = nil
	}
	if !q.Has(lookup.FieldTOS) {
		q.TOS = nil
	}
	if !q.Has(lookup.FieldUID) {
		q.UID = nil
	}
	if !q.Has(lookup.FieldProto) {
		q.IPProto = ""
	}
	return &q
}
