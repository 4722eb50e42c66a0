package kernel

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// readMarkers adds what sets the marks of packets. Reading it needs privilege
// (CAP_NET_ADMIN).
func (h *Host) readMarkers(ctx context.Context, snap *route.Snapshot) error {
	gap := func(what string, err error) {
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactMarkers, Private: errors.Is(err, os.ErrPermission), Why: what + ": " + why(err)})
	}
	snap.MarkersRead = true
	for _, part := range []struct {
		what string
		read func(context.Context, *route.Snapshot) error
	}{
		{"nftables", h.readNFTables}, {"iptables-legacy", h.readLegacyTables}, {"sockets", h.readMarkedSockets},
	} {
		if err := part.read(ctx, snap); err != nil {
			gap(part.what, err)
			if errors.Is(err, os.ErrPermission) {
				break // the other parts need the same privilege
			}
		}
	}
	for i := range snap.WireGuard {
		if w := &snap.WireGuard[i]; w.Mark != 0 {
			snap.Markers = append(snap.Markers, route.Marker{Kind: route.MarkerWireGuard, Mark: w.Mark, Set: ^uint32(0), Link: w.Link})
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// readNFTables reads the rules of nftables that set marks.
func (h *Host) readNFTables(ctx context.Context, snap *route.Snapshot) error {
	if !hasNFTables() {
		return nil
	}
	s, err := h.dialTo(unix.NETLINK_NETFILTER, 0)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	var n *nftRules
	for range maxReadings { // until nothing changed meanwhile
		n = nftables()
		changed := false
		var fault error
		for _, get := range []uint16{nftGetTable, nftGetChain, nftGetRule} {
			interrupted, err := s.dump(ctx, get, make([]byte, sizeofNfGenMsg), func(typ uint16, msg []byte) error {
				if err := n.take(typ, msg); fault == nil {
					fault = err
				}
				return nil
			})
			if errors.Is(err, unix.EINVAL) && get == nftGetTable {
				return nil // the kernel has no nftables
			}
			if err != nil {
				return err
			}
			changed = changed || interrupted
		}
		if fault != nil {
			return fmt.Errorf("not understood: %w", fault)
		}
		if !changed {
			break
		}
	}
	snap.Markers = append(snap.Markers, n.finish()...)
	if n.lost > 0 {
		return fmt.Errorf("%d more rules set marks", n.lost)
	}
	return nil
}

// hasNFTables reports whether the kernel may have nftables. If it is a module that is not
// loaded, a request would load it; there are no rules then.
func hasNFTables() bool {
	if loadsModules() != route.Yes {
		return true // what it has is there
	}
	if _, err := os.Stat("/sys/module/nf_tables"); err == nil {
		return true
	}
	_, _, release := uname()
	builtin, err := os.ReadFile("/lib/modules/" + release + "/modules.builtin")
	return err != nil || bytes.Contains(builtin, []byte("/nf_tables.ko"))
}

// readLegacyTables names the tables of iptables-legacy that there are. Only root may read
// their names.
func (h *Host) readLegacyTables(_ context.Context, snap *route.Snapshot) error {
	return h.inside(func() error {
		for _, f := range []struct{ family, file string }{{"ip", "ip_tables_names"}, {"ip6", "ip6_tables_names"}} {
			b, err := os.ReadFile("/proc/thread-self/net/" + f.file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			for _, name := range strings.Fields(string(b)) {
				snap.Markers = append(snap.Markers, route.Marker{Kind: route.MarkerLegacy, Open: ^uint32(0), Table: f.family + " " + name})
			}
		}
		return nil
	})
}

// readMarkedSockets adds the marks of sockets.
func (h *Host) readMarkedSockets(ctx context.Context, snap *route.Snapshot) error {
	s, err := h.dialTo(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		return err
	}
	defer s.close()
	found := &route.Snapshot{}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			request := appendAttr(socketRequest(f, proto, states(route.AllSockets, proto), 0), inetDiagReqBytecode, markedSockets())
			_, err := s.dump(ctx, sockDiagByFamily, request, func(typ uint16, msg []byte) error {
				if one, _, err := decodeSocket(msg); err == nil && typ == sockDiagByFamily && one.Mark != 0 {
					found.Sockets = append(found.Sockets, one)
				}
				return nil
			})
			if err != nil && !absentFamily(f, err) {
				return err
			}
		}
	}
	readOwners(found)
	snap.Markers = append(snap.Markers, socketMarkers(found.Sockets)...)
	return nil
}

// The filter of a dump of sockets (linux/inet_diag.h).
const (
	inetDiagReqBytecode = 1
	inetDiagJump        = 1
	inetDiagMarkCond    = 10
)

// markedSockets is a filter for sockets with a mark. Its first operation compares the mark
// with 0. If that is so, the second one jumps beyond the end, which refuses the socket.
func markedSockets() []byte {
	b := []byte{inetDiagMarkCond, 12}
	b = binary.NativeEndian.AppendUint16(b, 16)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0))
	return binary.NativeEndian.AppendUint16(append(b, inetDiagJump, 4), 8)
}

// socketMarkers are the marks of sockets, each once.
func socketMarkers(sockets []route.Socket) []route.Marker {
	of := map[uint32]*route.Marker{}
	for i := range sockets {
		x := &sockets[i]
		m := of[x.Mark]
		if m == nil {
			m = &route.Marker{Kind: route.MarkerSocket, Mark: x.Mark, Set: ^uint32(0)}
			of[x.Mark] = m
		}
		m.Sockets++
		for _, p := range x.Owners {
			if !slices.Contains(m.Processes, p.Name) && len(m.Processes) < maxNamed {
				m.Processes = append(m.Processes, p.Name)
			}
		}
	}
	var out []route.Marker
	for _, m := range of {
		slices.Sort(m.Processes)
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b route.Marker) int { return cmp.Compare(a.Mark, b.Mark) })
	return out[:min(len(out), maxMarkers)]
}

// maxNamed is how many programs are named that use a mark.
const maxNamed = 8
