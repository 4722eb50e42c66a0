// Package live reads the kernel's state in the namespaces of tests.
package live

import (
	"testing"

	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// Open opens a namespace for reading, until the test ends.
func Open(t testing.TB, ns *routetest.Namespace) *kernel.Host {
	t.Helper()
	var host *kernel.Host
	var err error
	ns.Do(func() { host, err = kernel.Open("") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	return host
}

// Read reads from a namespace what a query asks for.
func Read(t testing.TB, ns *routetest.Namespace, q route.Query) *route.Snapshot {
	t.Helper()
	host := Open(t, ns)
	var s *route.Snapshot
	var err error
	ns.Do(func() { s, err = host.Read(t.Context(), q) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}
