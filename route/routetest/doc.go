// Package routetest builds routing set-ups in throwaway network namespaces, for
// tests that compare routewhy's reasoning with the running kernel's.
//
// A test gets a fresh namespace from [New], and installs a set-up in it. A set-up
// is a list of commands, which are written by hand or come from a [Scenario] or from
// [Generate]. The test runs Go code inside the namespace with [Namespace.Do].
// [Flows] aims packets at the boundaries of what was read back. If a set-up shows a
// disagreement, [Shrink] reduces it to the commands that matter, and [Save] keeps it.
//
//	ns := routetest.New(t)
//	setup := routetest.Generate(rng, routetest.Options{Support: routetest.Probe(t)})
//	ns.Batch(setup)
//	ns.Do(func() {
//		… // read the namespace, and ask the kernel
//	})
//
// Nothing on the host is changed. Root is not needed if the kernel lets ordinary
// users make user namespaces; for that, TestMain must call [Main]. If a test cannot
// get a namespace, it is skipped and says why. With CI set in the environment it
// fails instead.
package routetest
