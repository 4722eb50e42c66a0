// Bench measures routewhy as whole processes on a full Internet table, side by
// side with ip(8) and with a loop that only receives, and prints a table of
// medians and ratios in Markdown.
//
//	go run ./route/routetest/bench -routewhy ./routewhy
//
// It works in a network namespace of its own, for which it must be root, and
// wants iproute2. The prefixes are those of the file that ROUTEWHY_PREFIXES
// names, or as many made ones of the same lengths.
//
// The commands of a pair run in turns, since a machine's pace changes: a ratio is
// the median of the ratios of neighbouring runs. Peak memory is that of the
// process as wait4(2) tells it.
package main
