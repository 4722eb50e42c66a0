package lookup_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports keeps the direction of dependencies: reasoning must run on any
// system, without privilege, on a file that somebody mailed.
func TestImports(t *testing.T) {
	pure := map[string]string{
		"github.com/mdlayher/netlink":         "the kernel is route/kernel's alone",
		"github.com/jsimonetti/rtnetlink/v2":  "the kernel is route/kernel's alone",
		"github.com/vishvananda/netlink":      "the kernel is route/kernel's alone",
		"golang.org/x/sys/unix":               "reasoning runs on every system",
		"os/exec":                             "routewhy runs no other program",
		"net":                                 "reasoning does not talk to a network",
		"routewhy/route/kernel":               "facts come in as a route.Snapshot",
		"routewhy/cmd/routewhy/internal/text": "words are the printers'",
	}
	for _, pkg := range []string{"routewhy/route", "routewhy/lookup", "routewhy/lookup/...", "routewhy/route/iproute2"} {
		for _, dep := range deps(t, pkg) {
			if why, bad := pure[dep]; bad {
				t.Errorf("%s imports %s: %s", pkg, dep, why)
			}
		}
	}
	for _, dep := range deps(t, "routewhy/route") {
		if strings.Contains(dep, ".") || strings.HasPrefix(dep, "routewhy/lookup") {
			t.Errorf("routewhy/route imports %s: it names facts, with the standard library alone", dep)
		}
	}
}

// deps are all packages that a package needs, itself left out.
func deps(t *testing.T, pkg string) []string {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
