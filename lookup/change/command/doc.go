// Package command reads the commands with which people change routes, and says what they
// ask the kernel for. It knows the commands of ip(8) with its abbreviations, of sysctl(8),
// and of route(8) and ifconfig(8) of net-tools. It also writes changes as such commands.
// [ParseExpectation] reads what must be true for a host, in the same words.
//
// No word is ever skipped. If the program itself refuses a command, [Command.Refusal] has
// its words. If a command is not understood here, the error is a [*SyntaxError] with the
// place.
package command
