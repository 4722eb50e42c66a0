package routetest

import (
	"os"
	"strconv"
	"testing"
)

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
