// Package route is routewhy's vocabulary: the facts about one host (strictly,
// one network namespace) that take part in Linux's routing decision, and the
// packet that the decision is about.
//
// The types are plain values. They say what is configured, not what follows
// from it: package lookup reasons, package route/kernel reads, and this package
// only defines the terms. It imports only the standard library, so a [Snapshot]
// taken on one host can be explained on any other.
//
// The terms are those of the kernel and of iproute2. Where the two differ, this
// package uses iproute2's term, and the field's comment says so. For example, the
// kernel calls a route's "priority" what ip-route(8) calls its "metric".
package route
