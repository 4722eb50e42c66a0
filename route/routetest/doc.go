// Package routetest builds routing set-ups in throwaway network namespaces, for
// tests that compare routewhy's reasoning with the running kernel's.
//
// A test gets a fresh namespace from [New], installs a set-up in it (commands
// as one would type them, by hand, from a [Scenario] or from [Generate]), and
// runs Go code inside with [Namespace.Do]. [Flows] aims packets at the
// boundaries of what was read back, and [Shrink] reduces a set-up that shows a
// disagreement to the commands that matter; [Save] keeps it.
//
//	ns := routetest.New(t)
//	setup := routetest.Generate(rng, routetest.Options{Support: routetest.Probe(t)})
//	ns.Batch(setup)
//	ns.Do(func() {
//		… // read the namespace, and ask the kernel
//	})
//
// Nothing of the host is touched, and root is not needed where the kernel lets
// ordinary users make user namespaces: then TestMain must call [Main]. Where a
// namespace cannot be had, tests skip and say why; with CI set in the
// environment they fail instead.
package routetest
