// Package change works out the effect of a change of a host's routing state: the state that the
// kernel would have after it, or the kernel's refusal with its words.
//
// A [Change] is a netlink request as values. [State.Apply] makes it in a [State], which wraps a
// [lookup.FIB]. The state after it is another State, which shares everything that did not
// change.
//
// # What no dump shows
//
// The kernel depends on some facts that it does not show. For a state that was read, the usual
// values are assumed: the weight of a route's only next hop is 1, its gateway was found on the
// link, or as an address of this host if the tables that were read find it so, and a table
// without routes does not exist. If two routes differ only in such a fact, the second is treated
// as the same as the first, and refused.
//
// Other facts are hidden too: whether the local route of an IPv6 address was deleted or waits
// for the device; the type of a route by an object that drops packets, because it is shown as a
// blackhole; whether a bridge got its MTU from a request; whether IPv4's tables existed before
// and are empty; with which attributes the later next hops of an IPv6 route were added; whether
// a next hop is dead or only has no carrier, if a setting shows both in the same way; how often
// a device has joined an anycast address; whether lo lost IPv6 with a small MTU that it does
// not have any more; the IDs of VLANs; the hardware addresses of devices; and the settings
// that a new device gets. Listings in text do not tell the carrier of a device that is down
// either; the usual one of its kind is assumed.
//
// # What is not worked out
//
// The link-local address that the kernel makes from a hardware address that is not known;
// spanning trees; bonds, except for their carrier; the largest MTU of hardware; FDB entries;
// the checks that each encapsulation makes itself; time: lifetimes that end, and neighbours
// that are asked.
//
// # The way back
//
// [Undo] works out the changes that bring a host back to the state before other changes, and
// tries each of them. It names everything that no change brings back as it was: a device that
// was deleted, the order of anycast addresses among devices, tables local and main as one, the
// light-weight tunnel of a route.
//
// It does not touch other devices only for the order of the kernel's own routes to fe80::/64
// and ff00::/8. The first of them is that of packets that name no device; if it is another
// one afterwards, that is named.
package change
