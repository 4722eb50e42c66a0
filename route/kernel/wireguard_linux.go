package kernel

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// readWireGuard adds the WireGuard devices. Reading them needs privilege (CAP_NET_ADMIN).
func (h *Host) readWireGuard(ctx context.Context, snap *route.Snapshot) error {
	var links []int
	for i := range snap.Links {
		if l := &snap.Links[i]; l.Kind == wireGuardKind {
			links = append(links, l.Index)
		}
	}
	if len(links) == 0 {
		return nil
	}
	err := h.dumpWireGuard(ctx, snap, links)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactWireGuard, Private: errors.Is(err, os.ErrPermission), Why: why(err)})
	}
	return nil
}

func (h *Host) dumpWireGuard(ctx context.Context, snap *route.Snapshot, links []int) error {
	s, err := h.dialTo(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return err
	}
	defer s.close()
	id := uint16(0)
	if _, err := s.dump(ctx, genlController, genlRequest(ctrlGetFamily), func(_ uint16, msg []byte) error {
		if n, name := genlFamily(msg); name == wireGuardFamily {
			id = n
		}
		return nil
	}); err != nil {
		return err
	}
	if id == 0 {
		return errors.New("the kernel has no family wireguard")
	}
	for _, link := range links {
		w, port := route.WireGuard{Link: link}, uint16(0)
		interrupted, err := s.dump(ctx, id, appendAttr32(genlRequest(wgGetDevice), wgDeviceLink, uint32(link)), func(_ uint16, msg []byte) error {
			return decodeWireGuard(&w, &port, msg)
		})
		if errors.Is(err, unix.ENODEV) {
			continue // it has just gone
		}
		if err != nil {
			return err
		}
		w.TakesNone = len(w.Allowed) == 0
		if interrupted { // a peer that was removed meanwhile ends the dump (wg_get_device_dump)
			w.Allowed, w.TakesNone = nil, false
		}
		if l := snap.Link(link); l != nil && l.Up() && len(w.Endpoints) > 0 && port != 0 {
			w.Away = !h.hasSocket(ctx, port)
		}
		snap.WireGuard = append(snap.WireGuard, w)
	}
	return nil
}

// hasSocket reports whether this namespace has a UDP socket with a port, also the kernel's
// own. It is true where that cannot be told. A WireGuard device keeps its socket in the
// namespace that it was made in (wg_socket_init in drivers/net/wireguard/socket.c).
func (h *Host) hasSocket(ctx context.Context, port uint16) bool {
	s, err := h.dialTo(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		return true
	}
	defer s.close()
	var found route.Snapshot
	q := route.Query{Sockets: route.AllSockets, Port: port}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if err := dumpSockets(ctx, s, &found, f, route.ProtoUDP, &q); err != nil && !absentFamily(f, err) {
			return true
		}
	}
	return len(found.Sockets) > 0
}
