package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// watcher notices all changes of the tables after its start. The kernel's dumps of
// routes and rules do not say that a table changed (NLM_F_DUMP_INTR is never set
// there), so the watcher listens to the kernel's notifications. Some changes of routes
// and rules have no notification, but then there is one for a link, an address or a
// next-hop object. Only for some settings there is none at all.
type watcher struct {
	host    *Host
	sock    *socket // nil: notifications are not available, as in some sandboxes
	want    route.Query
	changed bool
}

// Watch starts to listen for changes of what w reads. Until the watch is closed, Read
// reads the tables only once, even if they change during that time; the watch tells
// whether they did. Only routes that w.Keep keeps count. For a watch, w.Keep must not
// depend on what was read before.
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
		if !s.set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) { // needs privilege
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

// Close stops listening.
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

// maxLooks limits how many notifications are checked at one time. If more come in that
// time, something certainly changes.
const maxLooks = 1 << 17

// look checks the notifications that have come so far, until it finds one that matters.
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
			// One possible error is ENOBUFS: more happened than the kernel could queue.
			case err != nil, n > len(buf), w.matters(buf[:n], kept):
				w.changed = true
				return
			}
		}
		w.changed = true
	})
	w.changed = w.changed || err != nil
}

// matters reports whether a datagram of notifications is about something that is read.
// All notifications are, except those of routes that are not kept.
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

// afterDump looks for changes that may have made a dump wrong. If an IPv6 table changes
// while it is dumped, the dump begins again and may miss any route of the table
// (fib6_dump_table in net/ipv6/ip6_fib.c). An IPv4 dump misses at most what changed.
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
