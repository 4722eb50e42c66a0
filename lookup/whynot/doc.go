// Package whynot says why a packet does not go where somebody wants it to go: the
// smallest set of facts that stops it, what of the host would have to be changed, and
// which packets do go there.
//
// [Ask] answers from a [lookup.FIB] that has all routes. A fact stops the packet if the
// look-up without it, on a copy, comes nearer to what is wanted: a set of facts is given
// where the packet goes there without all of them, and does not without some of them.
// A way is given where the kernel would take its commands (package change) and the packet
// goes there after them.
package whynot
