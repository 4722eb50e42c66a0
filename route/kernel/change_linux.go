package kernel

import (
	"errors"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// watch notices that the tables change while they are being read. The kernel's
// dumps of routes and rules do not tell (NLM_F_DUMP_INTR is never set there),
// so we listen to its notifications from before the first dump on. Some
// changes have none of their own, but all of those come with one of a link, an
// address or a next-hop object, except for some settings.
type watch struct {
	sock *socket
	want *Want
}

// watchGroups are the notification groups (RTNLGRP_*) to listen to. Neighbours
// are not among them: they change all the time.
func watchGroups(w *Want) uint32 {
	var groups uint32
	join := func(g ...int) {
		for _, g := range g {
			groups |= 1 << (g - 1)
		}
	}
	join(unix.RTNLGRP_LINK)
	if !w.NoRoutes {
		join(unix.RTNLGRP_NEXTHOP)
	}
	for _, f := range w.families() {
		if f == route.IPv4 {
			join(unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV4_NETCONF)
		} else {
			join(unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV6_NETCONF)
		}
	}
	return groups
}

// watch starts to listen.
func (h *Host) watch(w *Want) (*watch, error) {
	s, err := h.dial(watchGroups(w))
	if err != nil {
		return nil, err
	}
	_ = s.conn.SetReadBuffer(socketBuffer)
	return &watch{sock: s, want: w}, nil
}

func (w *watch) close() error { return w.sock.close() }

// changed says whether something that matters has happened since the last
// call. It does not wait.
func (w *watch) changed() (bool, error) {
	changed := false
	var rerr error
	var buf [8 << 10]byte
	err := w.sock.raw.Control(func(fd uintptr) {
		for {
			var n int
			n, _, rerr = recvfrom(int(fd), buf[:], unix.MSG_DONTWAIT)
			switch {
			case errors.Is(rerr, unix.ENOBUFS): // more happened than the kernel could queue
				changed = true
			case rerr != nil:
				return
			default:
				changed = changed || n > len(buf) || w.matters(buf[:n])
			}
		}
	})
	if errors.Is(rerr, unix.EAGAIN) {
		rerr = nil
	}
	if err == nil {
		err = rerr
	}
	return changed, err
}

// matters says whether a datagram of notifications concerns what is read: all
// do, but for routes that are not kept.
func (w *watch) matters(b []byte) bool {
	for len(b) > 0 {
		h, body, rest, err := split(b)
		if err != nil {
			return true
		}
		b = rest
		if h.typ != unix.RTM_NEWROUTE && h.typ != unix.RTM_DELROUTE {
			return true
		}
		if w.want.NoRoutes {
			continue
		}
		if peek, err := peekRoute(body); err != nil || w.want.keeps(peek) {
			return true
		}
	}
	return false
}
