// Bench measures whole processes of routewhy on a full Internet table. It compares
// them with ip(8) and with a loop that only receives. It prints a table of medians
// and ratios in Markdown.
//
//	go run ./route/routetest/bench -routewhy ./routewhy
//
// It works in its own network namespace, so it must be root. It needs iproute2. The
// prefixes are those of the file that ROUTEWHY_PREFIXES names, or else as many random
// ones of the same lengths.
//
// The commands of a pair run in turn, because a machine's speed changes. A ratio is
// the median of the ratios of adjacent runs. Peak memory is that of the process, as
// wait4(2) tells it.
package main
