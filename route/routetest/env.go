package routetest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// EachFile runs a test for each file that a pattern names, which has the file's name without its
// extension. If the variable env is set, its value is the pattern; an empty env: there is no such
// variable. It fails if there is no file.
func EachFile(t *testing.T, pattern, env string, run func(t *testing.T, file string)) {
	if p := os.Getenv(env); p != "" {
		pattern = p
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) { run(t, file) })
	}
}
