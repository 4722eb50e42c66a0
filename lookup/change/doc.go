// Package change works out what a change of a host's routing state does: the state that
// the kernel would have after it, or the kernel's refusal with its words.
//
// A [Change] is a netlink request by value. [State.Apply] makes it in a [State], which
// wraps a [lookup.FIB]; the state after it is another one, which shares what did not
// change.
//
// # What no dump shows
//
// The kernel goes by some facts that it does not tell, and a state that was read begins
// with what is usual: the weight of a route's only next hop is 1, its gateway was found
// on the link, and a table without routes does not exist. Of two routes that differ by
// such a fact alone, the second is taken for the same as the first, and refused.
//
// Also hidden are whether the local route of an IPv6 address was deleted or waits for the
// device, the type of a route by an object that drops packets, which is shown as
// a blackhole, whether a bridge got its MTU from a request, whether IPv4's tables were there before and are empty, what the later
// next hops of an IPv6 route came with, whether a next hop is dead or has no carrier alone
// where a setting shows both alike, the IDs of VLANs, the hardware addresses of devices,
// the settings that a new device gets, and the carrier that a device which is down would
// have.
//
// # What is not worked out
//
// The link-local address that the kernel makes of a hardware address that is not known;
// spanning trees, and bonds except for their carrier; the greatest MTU of hardware; FDB
// entries; encapsulations' own checks; time: lifetimes that end, neighbours that are asked.
//
// # The way back
//
// [Undo] works out the changes that bring a host back to the state before others, and
// tries each. What no change brings back as it was it names: a device that was deleted,
// the order of anycast addresses among devices, tables local and main as one.
package change
