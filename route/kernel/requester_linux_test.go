package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// TestKernelThread checks that a thread of the kernel is not taken for a process that asks for
// changes. A process of a container often has the same ID there.
func TestKernelThread(t *testing.T) {
	proc := t.TempDir()
	for pid, flags := range map[string]string{"7": "69238848", "8": "4194304"} { // as Linux 6.18 has them
		dir := filepath.Join(proc, pid)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"status": "Name:\tksmd\nPid:\t" + pid + "\nPPid:\t2\nNSpid:\t" + pid + "\n", "comm": "ksmd\n",
			"stat": pid + " (a) b) S 2 0 0 0 -1 " + flags + strings.Repeat(" 0", 43) + "\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if k := readKnown(proc, 7); k != nil {
		t.Errorf("the thread of the kernel is %+v", k)
	}
	if k := readKnown(proc, 8); k == nil || k.Comm != "ksmd" || k.inner != 8 {
		t.Errorf("the process is %+v", k)
	}
}

// TestCoincidingID checks that a process which lives on without the socket is not taken for the
// owner of a socket that is closed: a process of a container may have had the same ID there.
func TestCoincidingID(t *testing.T) {
	proc := t.TempDir()
	for _, dir := range []string{"9/fd", "10/fd"} {
		if err := os.MkdirAll(filepath.Join(proc, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", filepath.Join(proc, "9/fd/0")); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []string{"9", "10"} {
		if err := os.WriteFile(filepath.Join(proc, pid, "status"), []byte("Name:\tip\nPid:\t"+pid+"\nPPid:\t2\nNSpid:\t"+pid+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &Requesters{proc: proc}
	if by := r.gone(9, readKnown(proc, 9)); by != nil {
		t.Errorf("a process that lives on is %+v", by)
	}
	if by := r.gone(10, readKnown(proc, 10)); by == nil || by.PID != 10 {
		t.Errorf("a process that is ending is %+v", by)
	}
}

// shownProcess is one of a /proc made for a test.
type shownProcess struct {
	pid, inner, cmdline, children string
	sockets                       []string
}

// procOf makes a /proc in which the namespace has one NETLINK_ROUTE socket, of port 100.
func procOf(t *testing.T, all ...shownProcess) string {
	proc := t.TempDir()
	files := map[string]string{"thread-self/net/netlink": "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\nffff 0 100 00000000 0 0 0 2 0 5555\n"}
	for _, p := range all {
		files[p.pid+"/status"] = "Name:\tp" + p.pid + "\nPid:\t" + p.pid + "\nPPid:\t1\nNSpid:\t" + p.inner + "\n"
		files[p.pid+"/cmdline"] = p.cmdline
		files[p.pid+"/task/"+p.pid+"/children"] = p.children
		if err := os.MkdirAll(filepath.Join(proc, p.pid, "fd"), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, s := range p.sockets {
			link := filepath.Join(proc, p.pid, "fd", string(rune('3'+i)))
			if err := os.Symlink("socket:["+s+"]", link); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

// TestSharedSocket checks that nobody is named for a socket that several processes have open, as
// after a fork.
func TestSharedSocket(t *testing.T) {
	parent := shownProcess{pid: "100", inner: "100", cmdline: "d", sockets: []string{"5555"}}
	with := func(p shownProcess, children string) shownProcess { p.children = children; return p }
	for name, c := range map[string]struct {
		all  []shownProcess
		want int
	}{
		"one process":                       {[]shownProcess{parent}, 100},
		"a child without it":                {[]shownProcess{with(parent, "101 "), {pid: "101", inner: "101", sockets: []string{"7"}}}, 100},
		"a child with it":                   {[]shownProcess{with(parent, "101 "), {pid: "101", inner: "101", sockets: []string{"5555"}}}, 0},
		"a grandchild with it":              {[]shownProcess{with(parent, "101 "), {pid: "101", inner: "101", children: "102 "}, {pid: "102", inner: "102", sockets: []string{"5555"}}}, 0},
		"a child alone":                     {[]shownProcess{{pid: "101", inner: "101", sockets: []string{"5555"}}}, 101},
		"a child, and the parent is ending": {[]shownProcess{{pid: "100", inner: "100"}, {pid: "101", inner: "101", sockets: []string{"5555"}}}, 101},
		"two children":                      {[]shownProcess{{pid: "101", inner: "101", sockets: []string{"5555"}}, {pid: "102", inner: "102", sockets: []string{"5555"}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			proc := procOf(t, c.all...)
			r := &Requesters{host: &Host{ns: netns.None()}, proc: proc, cache: map[uint32]cached{}}
			by, got := r.find(100), 0
			if by != nil {
				got = by.PID
			}
			if got != c.want {
				t.Errorf("process %d is named, want %d", got, c.want)
			}
		})
	}
}
