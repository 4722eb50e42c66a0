package routetest

import "slices"

// Shrink drops commands from a set-up as long as it still fails without them
// (delta debugging). It gives what is left: if any one more command were dropped,
// the set-up would pass. The set-up itself must fail.
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

// dropRuns drops each run of size commands that is not needed. It begins at the
// end, because later commands depend on earlier ones.
func dropRuns(setup Setup, size int, fails func(Setup) bool) Setup {
	for end := len(setup); end > 0; end -= size {
		start := max(end-size, 0)
		if shorter := slices.Concat(setup[:start], setup[end:]); fails(shorter) {
			setup = shorter
		}
	}
	return setup
}
