package route

import "time"

// Event is one change of a host's state that its kernel reported. One of the pointers says
// what was added, changed or removed. If all are nil, as in the zero value, something
// changed and must be read again to know what.
type Event struct {
	// Time is when the event was received.
	Time time.Time
	// Gone says that the object is gone. Otherwise it is new or has changed.
	Gone bool
	// Replaces and Appends say how a new route was added: in place of the first route with
	// the same metric (NLM_F_REPLACE), or after all those (NLM_F_APPEND).
	Replaces, Appends bool
	// Lost says that the kernel could not queue all events. So it is not known what
	// happened before this event.
	Lost bool

	Route     *Route
	Rule      *Rule
	Addr      *Addr
	Link      *Link
	NextHop   *NextHopObject
	Neighbour *Neighbour

	// Port is the netlink port of the socket that asked for the change. In most cases it is
	// the ID of the process, as that process itself sees it. Zero: the kernel itself made
	// the change, or a program that did not use netlink.
	Port uint32
	// By is the process that asked; nil: it is not known, or Port is zero.
	By *Requester
}

// Requester is a process that asked for a change.
type Requester struct {
	PID  int    `json:"pid"`
	Comm string `json:"comm,omitempty"` // its name, 15 bytes at most
	// Unit is the systemd unit that the process belongs to. Container is the ID or the name
	// of its container. Empty: none.
	Unit      string `json:"unit,omitempty"`
	Container string `json:"container,omitempty"`
	// Parent is the process that started it; nil: not known.
	Parent *Requester `json:"parent,omitempty"`
}
