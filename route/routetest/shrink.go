package routetest

import "slices"

// Shrink drops commands from a set-up for as long as it fails without them,
// and gives what is left: dropping any one more command would make it pass
// (delta debugging). The set-up itself must fail.
func Shrink(setup Setup, fails func(Setup) bool) Setup {
	setup = slices.Clone(setup)
	for size := max(len(setup)/2, 1); ; {
		shorter := dropRuns(setup, size, fails)
		switch {
		case size > 1:
			size /= 2
		case len(shorter) == len(setup):
			return setup
		}
		setup = shorter
	}
}

// dropRuns drops each run of that many commands that is not needed, from the
// end, since what comes later depends on what comes before.
func dropRuns(setup Setup, size int, fails func(Setup) bool) Setup {
	for end := len(setup); end > 0; end -= size {
		start := max(end-size, 0)
		if shorter := slices.Concat(setup[:start], setup[end:]); fails(shorter) {
			setup = shorter
		}
	}
	return setup
}
