package lookup

import "routewhy/route"

// BroadcastForwarding is the setting bc_forwarding, which counts where it is on for
// all devices and for the one that receives.
type BroadcastForwarding struct {
	// Device receives.
	Device string `json:"dev"`
	All    int    `json:"all"`
	Own    int    `json:"own"`
}

// broadcastNotes say whether a received broadcast is sent on to the network that it is
// for.
func (f *FIB) broadcastNotes(t *Trace) []Note {
	d, in := &t.Decision, f.byIndex[t.Flow.In]
	switch {
	case in == nil || d.Disposition != DispositionBroadcast:
		return nil
	case t.SentOn():
		return []Note{{Reason: Reason{Code: NoteBroadcastSentOn, Have: in.Name}, Route: &d.Route}}
	}
	link := d.Kept(&t.Flow)
	if link == 0 {
		return nil
	}
	set := BroadcastForwarding{in.Name, f.conf(route.IPv4, nil, settingBcForwarding), f.conf(route.IPv4, in, settingBcForwarding)}
	return []Note{{Reason: Reason{NoteBroadcastKept, set, f.snap.LinkName(link)}, Route: &d.Route}}
}

// Kept is the device of the network that a received broadcast is for and is not sent on
// to; zero: it is sent on, or it came in there, or it is for all networks.
func (d *Decision) Kept(flow *route.Flow) int {
	if flow.In == 0 || d.Disposition != DispositionBroadcast || len(d.NextHops) == 0 || d.NextHops[0].Via.Link != 0 || len(d.Route.NextHops) == 0 {
		return 0
	}
	if link := d.Route.NextHops[0].Link; link != flow.In && link != route.LoopbackIndex {
		return link
	}
	return 0
}
