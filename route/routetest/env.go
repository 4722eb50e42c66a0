package routetest

import (
	"os"
	"strconv"
	"testing"
)

// Fewer is how many of something a test tries. It is n, or a fifth of n if
// ROUTEWHY_FEWER is set, as it is on emulated machines.
func Fewer(n int) int {
	if os.Getenv("ROUTEWHY_FEWER") == "" {
		return n
	}
	return (n + 4) / 5
}

// EnvInt is a number from the environment, or a default.
func EnvInt(t testing.TB, name string, def int) int {
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
