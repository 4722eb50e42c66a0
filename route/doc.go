// Package route is routewhy's vocabulary: the facts about one host (strictly,
// one network namespace) that take part in Linux's routing decision, and the
// packet that the decision is about.
//
// The types are plain values. They say what is configured, not what follows
// from it: package lookup reasons, package route/kernel reads, this package
// only names. It imports nothing but the standard library, so a [Snapshot]
// taken on one host can be explained on any other.
//
// Words are the kernel's and iproute2's. Where the two differ (what the kernel
// calls a route's priority is the metric of ip-route(8)), iproute2's word is
// used and the field's comment says so.
package route
