package report

import (
	"time"

	"routewhy/route"
)

// Asker is what one process, or several that are alike, asked to be changed.
type Asker struct {
	// By is the process; its PID is that of the last one. Absent: the kernel itself, or
	// processes that are not known.
	By *route.Requester `json:"by,omitempty"`
	// Kernel says that no process asked by netlink: the kernel did it by itself, or for a
	// program that used an ioctl.
	Kernel bool `json:"kernel,omitempty"`
	// Processes is how many processes they were; where they are not known, how many netlink
	// ports.
	Processes int `json:"processes,omitzero"`
	// First and Last are when the first change was made, and the last one.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Total is how many changes there were, and Changes how many of each kind.
	Total   int           `json:"total"`
	Changes []ChangeCount `json:"changes"`
}

// ChangeCount is how many changes there were of objects of one kind.
type ChangeCount struct {
	Kind    ObjectKind `json:"kind"`
	Added   int        `json:"added,omitzero"` // or changed: not every event tells which
	Removed int        `json:"removed,omitzero"`
}

// EventKind is the kind of object that an event is about; empty: none.
func EventKind(e *route.Event) ObjectKind {
	if e.Route == nil && e.Rule == nil && e.Addr == nil && e.Link == nil && e.NextHop == nil && e.Neighbour == nil {
		return ""
	}
	return kindOfEvent(e)
}
