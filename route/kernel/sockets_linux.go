package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Sockets are dumped by sock_diag(7). vishvananda/netlink (v1.3.1) has it too,
// as SocketDiagTCP and SocketDiagUDP, but drops every attribute, and with them
// IPV6_V6ONLY (INET_DIAG_SKV6ONLY), without which nobody can tell whether a
// socket on :: takes IPv4; and it cannot ask for listening sockets or for one
// port alone. So the messages are decoded here, as are those of the tables; the
// tests ask the library for a second opinion.

// sockDiagByFamily is SOCK_DIAG_BY_FAMILY (linux/sock_diag.h).
const sockDiagByFamily = 20

// states is the set of states to ask for, one bit each.
func states(w route.Sockets, proto uint8) uint32 {
	switch {
	case w == route.AllSockets:
		return 1<<13 - 1
	case proto == route.ProtoUDP:
		// A connected one takes its peer's packets before any other socket.
		return 1<<route.SocketClose | 1<<route.SocketEstablished
	}
	return 1 << route.SocketListen
}

// readSockets adds the sockets that are wanted to a snapshot.
func (h *Host) readSockets(ctx context.Context, snap *route.Snapshot, w *route.Query) error {
	if w.Sockets == route.NoSockets {
		return nil
	}
	s, err := h.dialTo(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactSockets, Why: why(err)})
		return nil
	}
	defer s.close()
	// A socket of IPv6 may take IPv4: both are always read.
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			err := dumpSockets(ctx, s, snap, f, proto, w)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil && !absentFamily(f, err) {
				snap.Gaps = append(snap.Gaps, route.Gap{
					Fact: route.FactSockets, Family: f, Why: protoText(proto) + ": " + socketFault(err),
				})
			}
		}
	}
	if w.Processes {
		readOwners(snap)
	}
	return nil
}

// absentFamily says that a kernel without IPv6 refused to tell of its sockets,
// of which there are none.
func absentFamily(f route.Family, err error) bool {
	return f == route.IPv6 && errors.Is(err, unix.EAFNOSUPPORT)
}

// socketFault puts into words that the kernel lacks tcp_diag or udp_diag.
func socketFault(err error) string {
	if errors.Is(err, unix.ENOENT) {
		return "this kernel has no socket diagnosis (tcp_diag, udp_diag)"
	}
	return why(err)
}

func protoText(proto uint8) string { return (&route.Socket{Proto: proto}).ProtoName() }

func dumpSockets(ctx context.Context, s *socket, snap *route.Snapshot, f route.Family, proto uint8, w *route.Query) error {
	faults := 0
	var fault error
	_, err := s.dump(ctx, sockDiagByFamily, socketRequest(f, proto, states(w.Sockets, proto), w.Port), func(typ uint16, msg []byte) error {
		if typ != sockDiagByFamily {
			return nil
		}
		one, marked, err := decodeSocket(msg)
		if err != nil {
			if faults++; fault == nil {
				fault = err
			}
			return nil
		}
		one.Proto = proto
		if one.Family == f && one.Local.Port() != 0 {
			snap.Sockets = append(snap.Sockets, one)
			if !marked && !snap.Lacks(route.FactMarks, 0) {
				snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactMarks, Why: "permission denied: only root sees them"})
			}
		}
		return nil
	})
	if err == nil && faults > 0 {
		err = fmt.Errorf("%d not understood, the first: %w", faults, fault)
	}
	return err
}
