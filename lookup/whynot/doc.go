// Package whynot says why a packet does not go where somebody wants it to go. It gives
// the smallest set of facts that stops the packet, the changes of the host that would be
// needed, and packets that do go there.
//
// [Ask] answers from a [lookup.FIB] that has all routes. A fact stops the packet if a
// look-up without the fact, on a copy, comes nearer to what is wanted. A set of facts is
// given if the packet goes there without all of them, and does not go there without only
// some of them. A way is given if the kernel would accept its commands (package change)
// and the packet goes there after them.
package whynot
