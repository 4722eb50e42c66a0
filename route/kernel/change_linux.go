package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// watcher notices that the tables change from its start on. The kernel's dumps of
// routes and rules do not tell (NLM_F_DUMP_INTR is never set there), so it listens
// to the kernel's notifications. Some changes have none of their own, but all of
// those come with one of a link, an address or a next-hop object, except for some
// settings.
type watcher struct {
	host    *Host
	sock    *socket // nil: no notifications can be had, as in some sandboxes
	want    route.Query
	changed bool
}

// Watch starts to listen for changes of what w reads: until the watch is closed,
// Read reads the tables once, whether they change meanwhile or not, and the watch
// tells. Of routes, those count that w.Keep keeps; here it may not depend on what was
// read before.
func (h *Host) Watch(w route.Query) route.Watch {
	h.dumpMu.Lock()
	defer h.dumpMu.Unlock()
	h.watch = h.listen(&w)
	return h.watch
}

// listen starts a watch.
func (h *Host) listen(w *route.Query) *watcher {
	watch := &watcher{host: h, want: *w}
	s, err := h.dial(watchGroups(w))
	if err == nil {
		if !s.set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) { // with privilege alone
			s.set(unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
		}
		watch.sock = s
	}
	return watch
}

// watchGroups are the notification groups (RTNLGRP_*) to listen to.
func watchGroups(w *route.Query) uint32 {
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
	if w.WatchNeighbours {
		join(unix.RTNLGRP_NEIGH)
	}
	for _, f := range w.Families() {
		if f == route.IPv4 {
			join(unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV4_NETCONF)
		} else {
			join(unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV6_NETCONF)
		}
	}
	return groups
}

// Close ends the listening.
func (w *watcher) Close() {
	w.host.dumpMu.Lock()
	defer w.host.dumpMu.Unlock()
	if w.host.watch == w {
		w.host.watch = nil
	}
	w.close()
}

func (w *watcher) close() {
	if w.sock != nil {
		_ = w.sock.close()
		w.sock = nil
	}
}

// Changed reports whether something that matters has happened since the watch was
// started. It does not wait.
func (w *watcher) Changed() bool {
	w.host.dumpMu.Lock()
	defer w.host.dumpMu.Unlock()
	w.look(func(h routeHeader) bool { return keeps(&w.want, h) })
	return w.changed
}

// maxLooks bounds how many notifications are looked through at one time: where they
// come faster than that, something is changing.
const maxLooks = 1 << 17

// look looks through the notifications that have come so far, until one matters.
func (w *watcher) look(kept func(routeHeader) bool) {
	if w.sock == nil || w.changed {
		return
	}
	var buf [8 << 10]byte
	err := w.sock.raw.Control(func(fd uintptr) {
		for range maxLooks {
			n, _, err := recvfrom(int(fd), buf[:], unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return
			// Among errors is ENOBUFS: more happened than the kernel could queue.
			case err != nil, n > len(buf), w.matters(buf[:n], kept):
				w.changed = true
				return
			}
		}
		w.changed = true
	})
	w.changed = w.changed || err != nil
}

// matters reports whether a datagram of notifications concerns what is read: all
// do, except for routes that are not kept.
func (w *watcher) matters(b []byte, kept func(routeHeader) bool) bool {
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
		if peek, err := peekRoute(body); err != nil || kept(peek) {
			return true
		}
	}
	return false
}

// afterDump looks for changes that a dump may have suffered from. A dump of an IPv6 table
// that changes meanwhile begins again and may lose any of its routes (fib6_dump_table in
// net/ipv6/ip6_fib.c); one of IPv4 loses at most what changed.
func (w *watcher) afterDump(r *reader) {
	w.look(func(h routeHeader) bool {
		if h.dst.Addr().Is6() {
			return keeps(r.want, h)
		}
		return keeps(&w.want, h)
	})
	w.changed = w.changed || r.interrupted
}

// keeps reports whether a route is asked for. Learnt exceptions, which old kernels
// mix with the table's entries, never are.
func keeps(q *route.Query, h routeHeader) bool {
	return h.flags&route.FlagCloned == 0 && q.Keeps(h.table, h.dst)
}
