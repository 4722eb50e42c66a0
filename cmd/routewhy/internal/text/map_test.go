package text

import "testing"

// TestHilbert checks that neighbours in the order of addresses are neighbours on the map, that
// each place has one block, and that a finer map has the same order.
func TestHilbert(t *testing.T) {
	const side = 64
	seen := map[[2]int]bool{}
	lastX, lastY := -1, 0
	for n := range side * side {
		x, y := hilbertAt(side, n)
		if seen[[2]int{x, y}] || x < 0 || y < 0 || x >= side || y >= side {
			t.Fatalf("%d is at %d, %d", n, x, y)
		}
		seen[[2]int{x, y}] = true
		if d := (x-lastX)*(x-lastX) + (y-lastY)*(y-lastY); d != 1 {
			t.Fatalf("%d is at %d, %d, and the one before at %d, %d", n, x, y, lastX, lastY)
		}
		lastX, lastY = x, y
		if cx, cy := hilbertAt(side/4, n/16); cx != x/4 || cy != y/4 {
			t.Fatalf("%d is at %d, %d, but its block is at %d, %d", n, x, y, cx, cy)
		}
	}
	for n, want := range [][2]int{{0, 0}, {0, side - 1}, {side - 1, side - 1}, {side - 1, 0}} {
		x, y := hilbertAt(2, n)
		if x*(side-1) != want[0] || y*(side-1) != want[1] {
			t.Errorf("quarter %d is at %d, %d", n, x, y)
		}
	}
}
