package route

import "time"

// Event is one change of a host's state that its kernel told of. One of the pointers says
// what came, changed or went; where all are nil, something did that must be read again.
// The zero value is such a one.
type Event struct {
	// Time is when the event was received.
	Time time.Time
	// Gone says that the object is gone; else it is new, or not as it was.
	Gone bool
	// Replaces and Appends are how a new route came: in the place of the first one of the
	// same metric, or after those (NLM_F_REPLACE, NLM_F_APPEND).
	Replaces, Appends bool
	// Lost says that the kernel could not queue all events: what happened before this one
	// is not known.
	Lost bool

	Route     *Route
	Rule      *Rule
	Addr      *Addr
	Link      *Link
	NextHop   *NextHopObject
	Neighbour *Neighbour

	// Port is netlink's name of who asked for the change, in most cases the ID of the
	// process as that process knows it; zero: the kernel itself, or a program by another
	// way than netlink.
	Port uint32
	// By is who asked; nil: that is not known, or Port is zero.
	By *Requester
}

// Requester is a process that asked for a change.
type Requester struct {
	PID  int    `json:"pid"`
	Comm string `json:"comm,omitempty"` // its name, 15 bytes at most
	// Unit is the systemd unit that it belongs to, and Container the ID or the name of its
	// container; empty: none.
	Unit      string `json:"unit,omitempty"`
	Container string `json:"container,omitempty"`
	// Parent is the process that started it; nil: not known.
	Parent *Requester `json:"parent,omitempty"`
}
