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

// eventBuffer is how many bytes of events the kernel may queue, if the process may ask for
// that much. It is enough for a full table that is replaced.
const eventBuffer = 64 << 20

// maxEvents limits how many events wait to be taken.
const maxEvents = 1 << 16

// Follower receives what the kernel reports about the changes of a namespace. Several
// goroutines may call its methods.
type Follower struct {
	sock  *socket
	query route.Query
	name  func(port uint32) *route.Requester
	ready chan struct{}
	done  chan struct{}

	mu      sync.Mutex // protects the fields below, and reading from the socket
	buf     []byte
	waiting []route.Event
	lost    bool // an event was lost since the last Take
	err     error
}

// Follow starts to follow the changes of what a query reads. Of routes, it follows those that
// q.Keep keeps; q.Keep must not depend on what was read before. Of neighbours, it follows all.
// If name is set, it is called immediately with the port that asked for a change, if the
// change is kept. Buffer is how many bytes of events the kernel may queue; zero: as many as it
// allows. The caller must close the result.
func (h *Host) Follow(q route.Query, name func(port uint32) *route.Requester, buffer int) (*Follower, error) {
	q.WatchNeighbours = !q.NoNeighbours
	s, err := h.dial(watchGroups(&q))
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket for events: %w", err)
	}
	if buffer == 0 {
		buffer = eventBuffer
	}
	if !s.set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) { // needs privilege
		s.set(unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	f := &Follower{
		sock: s, query: q, name: name, ready: make(chan struct{}, 1), done: make(chan struct{}), buf: make([]byte, receiveBuffer),
	}
	go f.receive()
	return f, nil
}

// Ready gives a value after events have come: one value even for many events.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Take returns the events that the kernel has reported so far, in their order, and empties
// the queue. It does not wait. If the queue is long, it returns the first of them. An error
// means that there will be no more events.
func (f *Follower) Take() ([]route.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.sock.raw.Control(func(fd uintptr) {
		for range maxBatches {
			if f.drain(int(fd)) < batch || len(f.waiting) > 0 {
				break
			}
		}
	})
	events := f.waiting
	if f.lost {
		events = append(events, route.Event{Time: time.Now(), Lost: true})
	}
	f.waiting, f.lost = nil, false
	return events, f.err
}

// Close stops following.
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
		news := end || f.lost || len(f.waiting) > 0 // most routes of a full table are about nothing that is followed
		f.mu.Unlock()
		if news {
			select {
			case f.ready <- struct{}{}:
			default:
			}
		}
		if end {
			return
		}
	}
}

// batch is how many datagrams are read at one time. When routes change as fast as they can be read,
// the queue never becomes empty, and what was kept must not wait for that. If a batch has nothing
// that is kept, Take reads the next one, at most so many.
const (
	batch      = 1 << 10
	maxBatches = 16
)

// drain reads what the kernel has queued, and counts what it read.
func (f *Follower) drain(fd int) int {
	for n := range batch {
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
	return batch
}

// split splits a datagram into its messages, and keeps the events that are wanted.
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

// decode decodes a message, and reports whether it is about something that is followed. A
// message that is not understood becomes an event which says that something changed.
func (f *Follower) decode(h header, body []byte) (e route.Event, kept bool) {
	if h.typ == unix.RTM_NEWROUTE || h.typ == unix.RTM_DELROUTE {
		peek, err := peekRoute(body)
		if err == nil && !keeps(&f.query, peek) || err != nil && peek.family == 0 {
			return e, false
		}
	}
	return decodeEvent(h.typ, h.flags, body)
}
