//go:build !linux

package kernel

import (
	"context"
	"errors"

	"routewhy/route"
)

// Host is one network namespace of a Linux kernel. This system has none.
type Host struct{}

// unsupported is the error of everything that needs Linux.
type unsupported struct{}

func (unsupported) Error() string { return "reading the live kernel needs Linux; use --load FILE" }

func (unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// Open fails: the error is errors.ErrUnsupported.
func Open(string) (*Host, error) { return nil, unsupported{} }

// Close does nothing.
func (*Host) Close() error { return nil }

// Gone returns false.
func (*Host) Gone(string) bool { return false }

// Read fails: the error is errors.ErrUnsupported.
func (*Host) Read(context.Context, route.Query) (*route.Snapshot, error) { return nil, unsupported{} }

// Resolve fails: the error is errors.ErrUnsupported.
func (*Host) Resolve(context.Context, route.Flow) (route.Answer, error) {
	return route.Answer{}, unsupported{}
}

// Watch returns a watch that never notices a change.
func (*Host) Watch(route.Query) route.Watch { return route.Still{} }

// Redirects returns no family.
func (*Host) Redirects() map[route.Family]bool { return nil }
