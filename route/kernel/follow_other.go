//go:build !linux

package kernel

import "routewhy/route"

// Follower receives the changes of a namespace. On this system there are none.
type Follower struct{}

// Follow fails: the error is errors.ErrUnsupported.
func (*Host) Follow(route.Query, func(uint32) *route.Requester, int) (*Follower, error) {
	return nil, unsupported{}
}

// Ready never gives a value.
func (*Follower) Ready() <-chan struct{} { return nil }

// Take fails: the error is errors.ErrUnsupported.
func (*Follower) Take() ([]route.Event, error) { return nil, unsupported{} }

// Close does nothing.
func (*Follower) Close() {}

// Requesters finds nobody on this system.
type Requesters struct{}

// Requesters finds nobody.
func (*Host) Requesters() *Requesters { return new(Requesters) }

// Name finds nobody.
func (*Requesters) Name(uint32) *route.Requester { return nil }

// Close does nothing.
func (*Requesters) Close() {}
