package kernel_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"testing"
	"testing/fstest"

	"routewhy/route"
	"routewhy/route/kernel"
)

// fakeProc is a /proc of some processes.
type fakeProc struct{ fstest.MapFS }

func (f fakeProc) process(pid, parent, tty int, name string, uid int, sockets ...int) {
	at := func(file string) string { return fmt.Sprintf("%d/%s", pid, file) }
	f.MapFS[at("stat")] = &fstest.MapFile{Data: fmt.Appendf(nil, "%d (%s) S %d %d %d %d -1 4194560", pid, name, parent, pid, pid, tty)}
	f.MapFS[at("status")] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name:\tx\nUid:\t%d\t%d\t%d\t%d\n", uid, uid, uid, uid)}
	for i, n := range sockets {
		f.MapFS[at(fmt.Sprintf("fd/%d", i))] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: fmt.Appendf(nil, "socket:[%d]", n)}
	}
	f.MapFS[at("fd/9")] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/dev/null")}
}

func (f fakeProc) environ(pid int, text string) {
	f.MapFS[fmt.Sprintf("%d/environ", pid)] = &fstest.MapFile{Data: []byte(text)}
}

const (
	terminal = 34816
	other    = 34817
)

// login is sshd with a connection and a login shell. Process 101 is the monitor. Process 102
// is the user's sshd, which also has a forwarded connection open. Process 103 is the shell.
func login() fakeProc {
	f := fakeProc{fstest.MapFS{}}
	f.process(1, 0, 0, "systemd", 0)
	f.process(100, 1, 0, "sshd", 0, 3000)
	f.process(101, 100, 0, "sshd", 0, 3001)
	f.process(102, 101, 0, "sshd", 1000, 3001, 3002)
	f.process(103, 102, terminal, "bash", 1000)
	return f
}

func TestFindSessions(t *testing.T) {
	transport := &route.Socket{Inode: 3001, Local: netip.MustParseAddrPort("192.0.2.2:22"), Remote: netip.MustParseAddrPort("203.0.113.7:51022")}
	forwarded := &route.Socket{Inode: 3002, Local: netip.MustParseAddrPort("192.0.2.2:40000"), Remote: netip.MustParseAddrPort("198.51.100.7:80")}
	for _, c := range []struct {
		name    string
		proc    func() fakeProc
		pid     int
		found   int
		through string
	}{
		{"the shell itself", login, 103, 1, ""},
		{"under sudo", func() fakeProc {
			f := login()
			f.process(110, 103, terminal, "sudo", 0)
			f.process(111, 110, other, "sudo", 0)
			f.process(112, 111, other, "routewhy", 0)
			return f
		}, 112, 1, ""},
		{"an odd name on the way", func() fakeProc {
			f := login()
			f.process(110, 103, terminal, "a (b) S 1 ) c", 1000)
			f.process(111, 110, terminal, "routewhy", 1000)
			return f
		}, 111, 1, ""},
		{"OpenSSH 9.8", func() fakeProc {
			f := login()
			f.process(101, 100, 0, "sshd-session", 0, 3001)
			f.process(102, 101, 0, "sshd-session", 1000, 3001, 3002)
			return f
		}, 103, 1, ""},
		{"what sshd has open may not be read", func() fakeProc {
			f := fakeProc{fstest.MapFS{}}
			f.process(100, 1, 0, "sshd", 0)
			f.process(102, 100, 0, "sshd", 1000)
			f.process(103, 102, terminal, "bash", 1000)
			f.environ(103, "HOME=/root\x00SSH_CONNECTION=203.0.113.7 51022 192.0.2.2 22\x00A=b\x00")
			return f
		}, 103, 1, ""},
		{"the shell was told", func() fakeProc {
			f := login()
			f.environ(103, "SSH_CONNECTION=203.0.113.7 51022 192.0.2.2 22\x00")
			return f
		}, 103, 1, ""},
		{"in tmux", func() fakeProc {
			f := login()
			f.process(120, 103, terminal, "tmux: client", 1000)
			f.process(121, 1, 0, "tmux: server", 1000)
			f.process(122, 121, other, "bash", 1000)
			f.process(123, 122, other, "routewhy", 0)
			f.process(130, 1, other+1, "tmux: client", 1001) // another user's
			return f
		}, 123, 1, "tmux"},
		{"in tmux, and nobody is attached", func() fakeProc {
			f := login()
			f.process(121, 1, 0, "tmux: server", 1000)
			f.process(122, 121, other, "routewhy", 1000)
			return f
		}, 122, 0, ""},
		{"in screen", func() fakeProc {
			f := login()
			f.process(120, 103, terminal, "screen", 1000)
			f.process(121, 1, 0, "screen", 1000)
			f.process(122, 121, other, "routewhy", 1000)
			return f
		}, 122, 1, "screen"},
		{"the parents are gone", func() fakeProc {
			f := login()
			f.process(120, 1, terminal, "routewhy", 1000)
			return f
		}, 120, 1, ""},
		{"a console", func() fakeProc {
			f := login()
			f.process(120, 1, 1025, "login", 0)
			f.process(121, 120, 1025, "bash", 0)
			return f
		}, 121, 0, ""},
		{"a process that is gone", login, 999, 0, ""},
		{"a circle of parents", func() fakeProc {
			f := login()
			f.process(120, 121, 0, "a", 0)
			f.process(121, 120, 0, "b", 0)
			return f
		}, 120, 0, ""},
		{"damaged", func() fakeProc {
			f := login()
			f.MapFS["120/stat"] = &fstest.MapFile{Data: []byte("120 (x")}
			return f
		}, 120, 0, ""},
	} {
		got := kernel.FindSessions(c.proc(), c.pid)
		if len(got) != c.found {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		for _, s := range got {
			if s.Server != "sshd" || s.Through != c.through || !s.Carries(transport) || s.Carries(forwarded) {
				t.Errorf("%s: %+v", c.name, s)
			}
		}
	}
}
