// Package whynot says why a packet does not go where somebody wants it to go. It gives
// the smallest set of facts that stops the packet, the changes of the host that would be
// needed, and packets that do go there.
//
// [Ask] answers from a [lookup.FIB] that has all routes. A fact stops the packet if a
// look-up without the fact, on a copy, comes nearer to what is wanted. A set of facts is
// given if the packet goes there without all of them, and does not go there without only
// some of them. A way is given if the kernel would accept its commands (package change)
// and the packet goes there after them.
//
// # How to add a reason
//
//   - Add its code to fact.go. The comment says what Rule, Route, Want and Have are.
//     The manual page takes it from there.
//   - Find it in search.go (rules and tables), suppose.go (the packet and settings) or
//     nearest.go (entries that are missing): a function gets the trace of a look-up and
//     returns options. An option is the fact, and how to make the host without it. The
//     search does the rest: it combines options, and leaves out those that are not needed.
//   - If a command can end it, propose the command in propose.go. It is tried before it is
//     offered, so a proposal may be wrong. It must not be slow.
//   - Put it into words in package text, in whynotfacts.go.
//   - Add a set-up and a question to testdata/regress. TestRegress then checks on the
//     running kernel that the set of facts is minimal, and makes each change.
package whynot
