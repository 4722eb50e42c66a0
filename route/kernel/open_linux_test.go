package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// namedNamespace makes a namespace with a name, for as long as the test runs.
func namedNamespace(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("routewhy-test-%d-%d", os.Getpid(), unix.Gettid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		missing(t, "a named network namespace", fmt.Errorf("%w: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("ip netns del: %v: %s", err, out)
		}
	})
	return name
}

func TestOpenNamespace(t *testing.T) {
	isolate(t)
	name := namedNamespace(t)
	if out, err := exec.Command("ip", "-n", name, "link", "add", "mark0", "type", "veth", "peer", "name", "mark1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sleep := exec.Command("ip", "netns", "exec", name, "sleep", "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	}()
	pid := strconv.Itoa(sleep.Process.Pid)
	waitFor(t, func() bool { // until the ip process has executed sleep
		b, _ := os.ReadFile("/proc/" + pid + "/comm")
		return strings.TrimSpace(string(b)) == "sleep"
	})
	for _, ns := range []string{name, pid, "/run/netns/" + name, "/proc/" + pid + "/ns/net"} {
		h, err := Open(ns)
		if err != nil {
			t.Fatalf("%s: %v", ns, err)
		}
		s := read(t, h, route.Query{})
		if s.LinkByName("mark0") == nil {
			t.Errorf("%s: another namespace was read", ns)
		}
		if err := h.Close(); err != nil {
			t.Errorf("%s: %v", ns, err)
		}
	}
	if s := read(t, open(t), route.Query{}); s.LinkByName("mark0") != nil {
		t.Error("the thread did not come back to its own namespace")
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		runtime.Gosched()
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
	}
	t.Fatal("waited in vain")
}

func TestOpenNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ ns, text string }{
		{"no-such-namespace", `no network namespace "no-such-namespace"`},
		{"999999999", `no network namespace "999999999"`},
		{"/no/such/file", `no network namespace "/no/such/file"`},
		{file, `network namespace "` + file + `": is not a network namespace`},
		{"/proc/self/ns/mnt", `network namespace "/proc/self/ns/mnt": is not a network namespace`},
	}
	for _, tt := range tests {
		_, err := Open(tt.ns)
		var nerr *NamespaceError
		if !errors.As(err, &nerr) || err.Error() != tt.text {
			t.Errorf("%s: got %v, want %s", tt.ns, err, tt.text)
		}
		if strings.HasPrefix(tt.text, "no ") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: errors.Is(%v, fs.ErrNotExist)", tt.ns, err)
		}
	}
}

// helperEnv makes the test binary do what an unprivileged user would do. It runs as a
// separate process, because privilege belongs to a thread, and Open uses several.
const (
	helperEnv  = "ROUTEWHY_KERNEL_TEST_NAMESPACE"
	noFilesEnv = "ROUTEWHY_KERNEL_TEST_NO_FILES"
)

func TestMain(m *testing.M) {
	if ns, ok := os.LookupEnv(helperEnv); ok {
		unprivileged(ns)
		return
	}
	if _, ok := os.LookupEnv(noFilesEnv); ok {
		withoutNetlink()
		return
	}
	os.Exit(m.Run())
}

// unprivileged prints what it can read and what it cannot open.
func unprivileged(ns string) {
	h, err := Open("")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := h.Read(context.Background(), route.Query{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(s.Routes) > 0, len(s.Rules), len(s.NextHops), len(s.Sysctls) > 0, s.Gaps)
	a, err := h.Resolve(context.Background(), route.Flow{Dst: addr("8.8.8.8"), Mark: 1, UID: 7})
	fmt.Println(a.Errno, err)
	for _, ns := range []string{ns, "1"} {
		_, err = Open(ns)
		fmt.Println(errors.Is(err, fs.ErrPermission), err)
	}
}

// withoutNetlink prints what happens in a process that cannot open a socket.
func withoutNetlink() {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}); err != nil {
		fmt.Println(err)
	}
	_, err := Open("")
	fmt.Println(err)
}

func TestWithoutNetlink(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), noFilesEnv+"=")
	out, err := cmd.Output()
	const want = "cannot open a netlink socket: too many open files\n"
	if err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
}

func TestUnprivileged(t *testing.T) {
	isolate(t)
	name := namedNamespace(t)
	ip(t, twoDevices+"route add default via 10.0.0.2\nrule add prio 5 fwmark 1 blackhole\nnexthop add id 1 blackhole\n")
	const nobody = 65534
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	got, err := cmd.Output()
	if err != nil {
		missing(t, "another user ID", err)
	}
	want := fmt.Sprintf(`true 6 1 true []
EINVAL <nil>
true network namespace %q: permission denied; entering it needs root
true network namespace "1": permission denied; entering it needs root
`, name)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClose(t *testing.T) {
	h, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Read(context.Background(), route.Query{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
	if _, err := h.Resolve(context.Background(), route.Flow{Dst: addr("127.0.0.1")}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Resolve: %v", err)
	}
}
