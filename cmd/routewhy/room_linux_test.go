package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestAddressSpace runs the program in a process that may have only little address
// space. If something does not fit, the result must be an error, and not a traceback
// of the runtime.
func TestAddressSpace(t *testing.T) {
	const file = "ROUTEWHY_FILE"
	if name := os.Getenv(file); name != "" {
		os.Args = []string{"routewhy", "--load", name, "8.8.8.8"}
		main()
	}
	if strconv.IntSize == 32 {
		t.Skip("a program of 32 bits has room for all of this file below the limit")
	}
	name := filepath.Join(t.TempDir(), "routes")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range 300_000 {
		fmt.Fprintf(w, "10.%d.%d.%d dev eth0 metric %d mtu %d\n", i>>16, i>>8&255, i&255, i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", `ulimit -v 1800000 && exec "$0" -test.run='^TestAddressSpace$'`, os.Args[0])
	c.Env = append(os.Environ(), file+"="+name)
	var stderr strings.Builder
	c.Stderr = &stderr
	err = c.Run()
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if strings.Contains(stderr.String(), "failed to reserve") {
		t.Skip("the test's own runtime needs more address space")
	}
	if c.ProcessState.ExitCode() != exitNoAnswer || len(lines) != 2 || !strings.HasPrefix(lines[0], "routewhy: ") || !strings.HasPrefix(lines[1], "hint: ") {
		t.Errorf("%v, %.500q; want exit status %d, one line and a hint", err, &stderr, exitNoAnswer)
	}
}
