package lookup

import (
	"net/netip"

	"routewhy/route"
)

// Notes about the ICMP error that a received packet brings its sender when it is
// refused. Have is the sender.
const (
	NoteErrorLost   Code = "error-lost"   // it does not get there; Want: why not, an errno or the code of a fault
	NoteErrorUnsure Code = "error-unsure" // whether it gets there is unknown
)

// errorNotes note that the error does not get back to the sender. It is a packet that
// this host sends, and so it needs a route (icmp_send in net/ipv4/icmp.c, icmp6_send in
// net/ipv6/icmp.c).
func (f *FIB) errorNotes(t *Trace) []Note {
	src := t.Flow.Src
	if t.Flow.In == 0 || !src.IsValid() || src.IsUnspecified() {
		return nil
	}
	switch t.Decision.Disposition {
	case DispositionNoRoute, DispositionUnreachable, DispositionProhibit:
	default:
		return nil
	}
	back := exchanged(t.Flow, src)
	back.Src = netip.Addr{}
	back.SrcPort, back.DstPort, back.Mark, back.UID = 0, 0, 0, 0
	back.Proto = protoICMP
	back.Out = f.vrf(t.Flow.In)
	if src.Is6() {
		back.Proto = protoICMPv6
		if src.IsLinkLocalUnicast() {
			back.Out = t.Flow.In
		}
	}
	why := f.lostError(back)
	switch reflect, read := f.snap.Sysctls.Int(reflectPath(src)); {
	case t.Flow.Mark == 0:
	case read && reflect != 0:
		back.Mark = t.Flow.Mark
		why = f.lostError(back)
	case !read:
		if back.Mark = t.Flow.Mark; f.lostError(back) != why {
			why = Reason{Code: NoteErrorUnsure}
		}
	}
	if why.Code == "" {
		return nil
	}
	why.Have = src
	return []Note{{Reason: why}}
}

// lostError says why an ICMP error does not get to its destination; the zero Reason: it
// does, as far as is known.
func (f *FIB) lostError(back route.Flow) Reason {
	d := f.Lookup(back)
	switch dead := f.DeadEnd(&back, &d); {
	case d.Disposition == DispositionUnknown:
		return Reason{Code: NoteErrorUnsure}
	case d.Errno != 0:
		return Reason{Code: NoteErrorLost, Want: d.Errno}
	case dead.Code != "":
		return Reason{Code: NoteErrorLost, Want: dead.Code}
	}
	return Reason{}
}

// reflectPath is the setting that gives the error the mark of the packet that it is
// about. Without it the error has mark 0 (IP4_REPLY_MARK in include/net/ip.h,
// IP6_REPLY_MARK in include/net/ipv6.h).
func reflectPath(a netip.Addr) string {
	if a.Is6() {
		return "net/ipv6/fwmark_reflect"
	}
	return "net/ipv4/fwmark_reflect"
}

const (
	protoICMP   = 1
	protoICMPv6 = 58
)
