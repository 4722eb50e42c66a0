package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"routewhy/route"
	"routewhy/route/routetest"
)

// isolate moves the test into a new network namespace, which needs privilege. The
// thread ends with the test. If CI is set, the test fails without privilege.
func isolate(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		missing(t, "a network namespace of our own", err)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		missing(t, "ip(8)", err)
	}
}

// missing skips a test because something is missing. In CI, the test fails instead.
func missing(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("needs %s: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}

// ip runs lines of ip(8), all of which must succeed, and waits for their effects.
func ip(t *testing.T, lines string, options ...string) {
	t.Helper()
	cmd := exec.Command("ip", append(options, "-batch", "-")...)
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip: %v\n%s", err, out)
	}
	routetest.Settle()
}

// sysctl sets a setting of the namespace.
func sysctl(t *testing.T, path, value string) {
	t.Helper()
	if err := os.WriteFile(sysctlFolder+path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// open opens the namespace that the test is in.
func open(t *testing.T) *Host {
	t.Helper()
	h, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// read takes a snapshot, which must be complete.
func read(t *testing.T, h *Host, w route.Query) *route.Snapshot {
	t.Helper()
	s, err := h.Read(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Gaps) > 0 {
		t.Errorf("gaps: %v", s.Gaps)
	}
	return s
}

// index is the index of a device.
func index(t *testing.T, s *route.Snapshot, dev string) int {
	t.Helper()
	l := s.LinkByName(dev)
	if l == nil {
		t.Fatalf("no device %s", dev)
	}
	return l.Index
}

// request sends a request for a change that ip(8) cannot make.
func request(t *testing.T, typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) error {
	t.Helper()
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   body,
	})
	return err
}

// addRule adds a rule by its header and attributes.
func addRule(t *testing.T, hdr [8]byte, flags uint32, attrs ...[]byte) {
	t.Helper()
	if err := request(t, unix.RTM_NEWRULE, netlink.Create|netlink.Excl, ruleMessage(hdr, flags, attrs...)); err != nil {
		t.Fatal(err)
	}
}

// hasMasks reports whether the kernel's rules have DSCP, flow labels and masks of
// ports. The last of these came with Linux 6.15. Older kernels ignore them.
func hasMasks(t *testing.T) bool {
	t.Helper()
	var major, minor int
	_, _, release := uname()
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		t.Fatal(release, err)
	}
	if major < 6 || major == 6 && minor < 15 {
		t.Logf("Linux %s has no DSCP, flow labels and masks in rules", release)
		return false
	}
	return true
}
