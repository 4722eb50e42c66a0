package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Sockets are dumped with sock_diag(7). vishvananda/netlink (v1.3.1) can do that
// too, with SocketDiagTCP and SocketDiagUDP. But it drops every attribute, also
// IPV6_V6ONLY (INET_DIAG_SKV6ONLY), and without that nobody can tell whether a
// socket on :: accepts IPv4. Also, it cannot ask for only the listening sockets or
// only one port. So the messages are decoded here, like those of the tables. The
// tests compare the results with those of the library.

// sockDiagByFamily is SOCK_DIAG_BY_FAMILY (linux/sock_diag.h).
const sockDiagByFamily = 20

// states is the set of states to ask for, one bit each.
func states(w route.Sockets, proto uint8) uint32 {
	switch {
	case w == route.AllSockets:
		return 1<<13 - 1
	case proto == route.ProtoUDP:
		// A connected socket gets its peer's packets before any other socket.
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
	// An IPv6 socket may accept IPv4, so both families are always read.
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

// absentFamily reports whether a kernel without IPv6 refused to dump IPv6 sockets.
// Then there are none.
func absentFamily(f route.Family, err error) bool {
	return f == route.IPv6 && errors.Is(err, unix.EAFNOSUPPORT)
}

// socketFault is the text of an error. It explains the error of a kernel that does not
// have tcp_diag or udp_diag.
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
