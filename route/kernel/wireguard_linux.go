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
		w := route.WireGuard{Link: link}
		_, err := s.dump(ctx, id, appendAttr32(genlRequest(wgGetDevice), wgDeviceLink, uint32(link)), func(_ uint16, msg []byte) error {
			return decodeWireGuard(&w, msg)
		})
		if errors.Is(err, unix.ENODEV) {
			continue // it has just gone
		}
		if err != nil {
			return err
		}
		snap.WireGuard = append(snap.WireGuard, w)
	}
	return nil
}
