// Package kernel reads the routing state of a live Linux kernel, one network
// namespace at a time, and asks it for its own decisions.
//
// [Host.Read] takes a [route.Snapshot]: links, addresses, policy rules, routes,
// next-hop objects, neighbours, address labels and the settings that take part
// in the decision. [Host.Resolve] asks the kernel about one packet
// (RTM_GETROUTE). Nothing here changes anything on the host, and neither needs
// privilege, except to enter another namespace.
//
// It is the only package that speaks netlink. It receives datagram by datagram, so
// that a table of a million routes needs only one buffer. Routes, rules, next-hop
// objects and answers are decoded here too, because no library knows everything that
// they may hold. Links, addresses and neighbours are decoded by
// jsimonetti/rtnetlink. Decoders are pure functions of a message's bytes.
//
// On other systems than Linux the package compiles, but [Open] fails.
package kernel
