package kernel

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// hardware is a hardware address.
type hardware [6]byte

// forwarded is a hardware address that a bridge forwards to.
type forwarded struct {
	bridge int
	addr   hardware
}

// The places of ndm_ifindex and ndm_state in the header of an entry (linux/neighbour.h).
const (
	ndMsgIndex = 4
	ndMsgState = 8
)

// Ports that are none.
const (
	unknownPort   = 0
	ambiguousPort = -1 // there are several
)

// readPorts finds out by which ports of bridges the neighbours are reached: it looks their
// hardware addresses up in the forwarding tables of the bridges (br_fdb_dump). Without a
// bridge there is nothing to read. What cannot be read is not known.
func (r *reader) readPorts() error {
	if !r.want.AllDevices || len(r.lladdrs) == 0 || !slices.ContainsFunc(r.snap.Links, func(l route.Link) bool { return l.Kind == "bridge" }) {
		return nil
	}
	ports := map[forwarded]int{}
	q := query{fact: route.FactNeighbours, get: unix.RTM_GETNEIGH, answer: unix.RTM_NEWNEIGH, size: sizeofNdMsg, af: unix.AF_BRIDGE}
	err := r.dump(q, func(msg []byte) error { return forwards(ports, msg) })
	for i := range r.snap.Neighbours {
		n := &r.snap.Neighbours[i]
		mac, ok := r.lladdrs[neighbourKey{n.Link, n.Addr}]
		if bridge := r.bridgeBelow(n.Link); ok && bridge != 0 {
			n.Port = max(unknownPort, ports[forwarded{bridge, mac}])
		}
	}
	return ignoreAbsent(err)
}

// forwards adds what a forwarding entry says. An address of the bridge's own ports is
// permanent. For one that is at several ports, in several VLANs, the port is not known.
func forwards(ports map[forwarded]int, msg []byte) error {
	if len(msg) < sizeofNdMsg {
		return nil
	}
	port := int(int32(binary.NativeEndian.Uint32(msg[ndMsgIndex:])))
	state := binary.NativeEndian.Uint16(msg[ndMsgState:])
	var x forwarded
	have := 0
	a := attrs{rest: msg[sizeofNdMsg:]}
	for a.next() {
		switch {
		case a.typ == unix.NDA_LLADDR && len(a.data) == len(x.addr):
			copy(x.addr[:], a.data)
			have++
		case a.typ == unix.NDA_MASTER && len(a.data) == 4:
			x.bridge = int(int32(a.u32()))
			have++
		}
	}
	if have != 2 || state&unix.NUD_PERMANENT != 0 || msg[0] != unix.AF_BRIDGE {
		return a.err
	}
	if was := ports[x]; was != 0 && was != port {
		port = ambiguousPort
	}
	ports[x] = port
	return a.err
}

// bridgeBelow is the bridge that a device is, or is on top of; zero: there is none.
func (r *reader) bridgeBelow(link int) int {
	for range r.snap.Links {
		l := r.snap.Link(link)
		switch {
		case l == nil:
			return 0
		case l.Kind == "bridge":
			return link
		case !l.Stacked() || l.PeerNetNS >= 0:
			return 0
		}
		link = l.Peer
	}
	return 0
}
