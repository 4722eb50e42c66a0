package lookup

import "net/netip"

// Notes about the ICMP error that a received packet brings its sender when it is
// refused. Have is the sender.
const (
	NoteErrorLost   Code = "error-lost"   // it does not get there; Want: why not, an errno or the code of a fault
	NoteErrorUnsure Code = "error-unsure" // whether it gets there is unknown
)

// errorNotes say where that error does not get back to the sender: it is a packet that
// this host sends, and needs a route (icmp_send in net/ipv4/icmp.c, icmp6_send in
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
	d := f.Lookup(back)
	why := Reason{Code: NoteErrorLost, Have: src}
	switch dead := f.DeadEnd(&back, &d); {
	case d.Disposition == DispositionUnknown:
		why.Code = NoteErrorUnsure
	case d.Errno != 0:
		why.Want = d.Errno
	case dead.Code != "":
		why.Want = dead.Code
	default:
		return nil
	}
	return []Note{{Reason: why}}
}

const (
	protoICMP   = 1
	protoICMPv6 = 58
)
