package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// eventBuffer is how much the kernel may queue of its events, where the process may ask for
// so much: a full table that is replaced.
const eventBuffer = 64 << 20

// maxEvents bounds how many events wait to be taken.
const maxEvents = 1 << 16

// Follower receives what the kernel tells of the changes of a namespace. Its methods may be
// called by several goroutines.
type Follower struct {
	sock  *socket
	query route.Query
	name  func(port uint32) *route.Requester
	ready chan struct{}
	done  chan struct{}

	mu      sync.Mutex // of what follows, and of reading from the socket
	buf     []byte
	waiting []route.Event
	lost    bool // an event, since the last Take
	err     error
}

// Follow starts to follow the changes of what a query reads: of routes, those that q.Keep
// keeps, which may not depend on what was read before. Of neighbours, all. Name, if set, is
// called at once for whoever asked for a change that is kept. The caller closes the result.
func (h *Host) Follow(q route.Query, name func(port uint32) *route.Requester) (*Follower, error) {
	q.WatchNeighbours = !q.NoNeighbours
	s, err := h.dial(watchGroups(&q))
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket for events: %w", err)
	}
	if !s.set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventBuffer) { // with privilege alone
		s.set(unix.SOL_SOCKET, unix.SO_RCVBUF, eventBuffer)
	}
	f := &Follower{
		sock: s, query: q, name: name, ready: make(chan struct{}, 1), done: make(chan struct{}), buf: make([]byte, receiveBuffer),
	}
	go f.receive()
	return f, nil
}

// Ready gives a value after events have come, once for many.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Take gives the events that the kernel has told of so far, in their order, and empties the
// queue. It does not wait. An error means that there will be no more events.
func (f *Follower) Take() ([]route.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.sock.raw.Control(func(fd uintptr) { f.drain(int(fd)) })
	events := f.waiting
	if f.lost {
		events = append(events, route.Event{Time: time.Now(), Lost: true})
	}
	f.waiting, f.lost = nil, false
	return events, f.err
}

// Close ends it.
func (f *Follower) Close() {
	_ = f.sock.close()
	<-f.done
}

// receive empties the kernel's queue as soon as something is in it.
func (f *Follower) receive() {
	defer close(f.done)
	for {
		fault := f.sock.raw.Read(func(fd uintptr) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.drain(int(fd)) > 0 || f.err != nil
		})
		f.mu.Lock()
		if fault != nil && f.err == nil {
			f.err = fault
		}
		end := f.err != nil
		f.mu.Unlock()
		select {
		case f.ready <- struct{}{}:
		default:
		}
		if end {
			return
		}
	}
}

// maxDrained bounds how many datagrams are read at one time.
const maxDrained = 1 << 14

// drain reads what the kernel has queued, and counts what it read.
func (f *Follower) drain(fd int) int {
	for n := range maxDrained {
		size, from, err := recvfrom(fd, f.buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n
		case errors.Is(err, unix.ENOBUFS):
			f.lost = true
			continue
		case err != nil:
			f.err = os.NewSyscallError("recvfrom", err)
			return n
		}
		if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 { // any process may send to the socket
			continue
		}
		if size > len(f.buf) {
			f.lost = true
			continue
		}
		f.split(f.buf[:size])
	}
	return maxDrained
}

// split takes a datagram apart.
func (f *Follower) split(b []byte) {
	for len(b) > 0 {
		h, body, rest, err := split(b)
		if err != nil {
			f.lost = true
			return
		}
		b = rest
		e, kept := f.decode(h, body)
		if !kept {
			continue
		}
		if len(f.waiting) == maxEvents {
			f.lost = true
			continue
		}
		e.Time, e.Port = time.Now(), h.pid
		if h.pid != 0 && e.Neighbour == nil && f.name != nil {
			e.By = f.name(h.pid)
		}
		f.waiting = append(f.waiting, e)
	}
}

// decode decodes a message, and reports whether it is of what is followed. One that is not
// understood says that something changed.
func (f *Follower) decode(h header, body []byte) (e route.Event, kept bool) {
	e.Replaces, e.Appends = h.flags&unix.NLM_F_REPLACE != 0, h.flags&unix.NLM_F_APPEND != 0
	switch h.typ {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		peek, err := peekRoute(body)
		if err == nil && !keeps(&f.query, peek) || err != nil && peek.family == 0 {
			return e, false
		}
		e.Gone = h.typ == unix.RTM_DELROUTE
		e.Route = decoded(body, decodeRoute)
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		e.Gone = h.typ == unix.RTM_DELLINK
		e.Link = decoded(body, decodeLink)
		return e, len(body) > 0 && body[0] == unix.AF_UNSPEC
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		e.Gone = h.typ == unix.RTM_DELADDR
		e.Addr = decoded(body, decodeAddr)
		return e, ofFamily(body)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		e.Gone = h.typ == unix.RTM_DELRULE
		e.Rule = decoded(body, decodeRule)
		return e, ofFamily(body)
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		e.Gone = h.typ == unix.RTM_DELNEXTHOP
		e.NextHop = decoded(body, decodeNextHop)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		e.Gone = h.typ == unix.RTM_DELNEIGH
		e.Neighbour = decoded(body, decodeNeighbour)
		return e, e.Neighbour != nil && ofFamily(body)
	}
	return e, true
}

func decoded[T any](body []byte, decode func([]byte) (T, error)) *T {
	v, err := decode(body)
	if err != nil {
		return nil
	}
	return &v
}

// ofFamily reports whether a message is about IPv4 or IPv6: there are others, of bridges say.
func ofFamily(body []byte) bool { return len(body) > 0 && familyOf(body[0]) != 0 }
