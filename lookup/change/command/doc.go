// Package command reads the commands with which people change routes, and says what they
// ask the kernel for: those of ip(8) with its abbreviations, of sysctl(8), and of route(8)
// and ifconfig(8) of net-tools. And it writes changes as such commands.
// [ParseExpectation] reads what must be true of a host, in the same words.
//
// A word is never skipped. What the program itself refuses comes with its words in
// [Command.Refusal]; what is not understood here is a [*SyntaxError] with its place.
package command
