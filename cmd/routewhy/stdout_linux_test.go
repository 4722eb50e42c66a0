package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestStandardOutput runs the program as a shell does, with its standard output
// closed, broken, or thrown away.
func TestStandardOutput(t *testing.T) {
	if os.Getenv("ROUTEWHY_MAIN") != "" {
		os.Args = []string{"routewhy", "--help"}
		main()
	}
	// Some programs start others with /dev/null opened for reading and writing.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestStandardOutput$")
	c.Env, c.Stdout = append(os.Environ(), "ROUTEWHY_MAIN=1"), null
	if err := c.Run(); err != nil {
		t.Errorf("thrown away by a program: %v", err)
	}
	for script, want := range map[string]string{
		`"$0" >&-; echo $? >&2`:                               "routewhy: standard output is closed\n3\n",
		`"$0" >/dev/null; echo $? >&2`:                        "0\n",
		`"$0" <>/dev/null >&0; echo $? >&2`:                   "0\n",
		`(trap "" PIPE; sleep 0.2; "$0"; echo $? >&2) | true`: "0\n",
		`(sleep 0.2; "$0"; echo $? >&2) | true`:               "0\n",
	} {
		c := exec.Command("sh", "-c", strings.ReplaceAll(script, `"$0"`, `"$0" -test.run=^TestStandardOutput$`), os.Args[0])
		c.Env = append(os.Environ(), "ROUTEWHY_MAIN=1")
		var stderr strings.Builder
		c.Stderr = &stderr
		if err := c.Run(); err != nil || stderr.String() != want {
			t.Errorf("%s: %v, %q; want %q", script, err, &stderr, want)
		}
	}
}
