package lookup

import "routewhy/route"

// SeenOnMaster says that no packet is received by IP on the device by which one is to come in,
// because the device is a port: its bridge, bond or team takes every frame before IP sees it
// (netif_receive_skb_core calls rx_handler: br_handle_frame, bond_handle_frame). A look-up for
// the port gives an answer, and no packet makes that look-up. A bridge whose broute table
// (ebtables) hands frames to IP at the port is not known. The zero Reason: the device is no
// port, or the packet does not come in.
func (f *FIB) SeenOnMaster(flow *route.Flow) Reason {
	if m := f.Receiver(flow.In); m != flow.In {
		return Reason{NoteSeenOnMaster, f.snap.LinkName(m), f.snap.LinkName(flow.In)}
	}
	return Reason{}
}

// PortNote is the note of [FIB.SeenOnMaster], with the packet as IP receives it; nil: the device
// is no port.
func (f *FIB) PortNote(flow *route.Flow) *Note {
	why := f.SeenOnMaster(flow)
	if why.Code == "" {
		return nil
	}
	seen := *flow
	seen.In = f.Receiver(seen.In)
	return &Note{Reason: why, Ask: &seen}
}

// Receiver is the device on which IP receives what comes in at a device: the device itself,
// or the outermost bridge, bond or team that it is a port of. The ports of Open vSwitch belong
// to one device, whatever their bridge, and that device receives nothing either.
func (f *FIB) Receiver(link int) int {
	for range f.devices { // each can be passed only once
		m := f.snap.MasterOf(f.snap.Link(link))
		if m == nil {
			break
		}
		link = m.Index
	}
	return link
}
