package kernel

import (
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// FindSessions finds in /proc the remote logins that a process runs in. It goes from parent
// to parent up to the server that has the socket, because sudo removes SSH_CONNECTION from
// the environment, but the parents are still there. The parent of a terminal multiplexer's
// server is gone; from there it goes on with the multiplexer's clients of the same user. If
// a process's parents are gone, it goes on with other processes on the same terminal.
func FindSessions(proc fs.FS, pid int) []route.Session {
	f := &finder{proc: proc}
	start := f.process(pid)
	if start == nil {
		return nil
	}
	if s, mux := f.walk(start); s != nil {
		return []route.Session{*s}
	} else if mux != nil {
		return f.clients(mux)
	}
	if start.tty == 0 {
		return nil
	}
	return f.each(func(p *process) bool { return p.tty == start.tty }, "")
}

// finder reads processes.
type finder struct{ proc fs.FS }

// process is what is known about a process.
type process struct {
	pid, parent, tty int
	name             string
}

// process reads a process; nil: it is gone.
func (f *finder) process(pid int) *process {
	b, err := fs.ReadFile(f.proc, strconv.Itoa(pid)+"/stat")
	if err != nil {
		return nil
	}
	// The name is in parentheses, and may contain parentheses itself: proc_pid_stat(5).
	text := string(b)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return nil
	}
	fields := strings.Fields(text[to+1:])
	if len(fields) < 5 {
		return nil
	}
	p := &process{pid: pid, name: text[from+1 : to]}
	p.parent, _ = strconv.Atoi(fields[1])
	p.tty, _ = strconv.Atoi(fields[4])
	return p
}

// maxParents limits how many parents are followed.
const maxParents = 100

// walk goes from parent to parent up to a server that has a session's socket, or to a
// multiplexer's server.
func (f *finder) walk(start *process) (s *route.Session, mux *process) {
	below := start
	for p, n := start, 0; p != nil && p.pid > 1 && n < maxParents; p, n = f.process(p.parent), n+1 {
		switch {
		case isServer(p.name):
			return f.session(p, below, start), nil
		case multiplexer(p.name) != "" && p.tty == 0:
			return nil, p
		}
		below = p
	}
	return nil, nil
}

// isServer reports whether the program with a name accepts remote logins.
func isServer(name string) bool {
	return isSSH(name) || slices.Contains([]string{"mosh-server", "telnetd", "in.telnetd"}, name)
}

// isSSH reports whether the program with a name is an SSH server. Since OpenSSH 9.8, the
// server of a single connection has another name than the server that listens.
func isSSH(name string) bool {
	return slices.Contains([]string{"sshd", "sshd-session", "sshd-auth", "dropbear"}, name)
}

// multiplexer is the terminal multiplexer that a program belongs to, as its server or as
// a client; empty: none.
func multiplexer(name string) string {
	switch name {
	case "tmux: server", "tmux: client", "tmux":
		return "tmux"
	case "screen", "SCREEN":
		return "screen"
	}
	return ""
}

// session is the session of a server. Below is the process that the server started: the
// login shell. If the user may not read its environment, the environment of start is read
// instead.
// If the server has several processes, only the sockets that all of them have open count,
// because one of them also has open the connections that it forwards.
func (f *finder) session(p, below, start *process) *route.Session {
	s := &route.Session{Server: p.name}
	if isSSH(p.name) {
		s.Server = "sshd"
		if p.name == "dropbear" {
			s.Server = p.name
		}
		if s.Local, s.Remote = f.told(below); !s.Remote.IsValid() {
			s.Local, s.Remote = f.told(start)
		}
	}
	for up := p; up != nil && up.pid > 1 && isServer(up.name); up = f.process(up.parent) {
		open := f.sockets(up.pid)
		if up == p {
			s.Inodes = open
			continue
		}
		if both := slices.DeleteFunc(slices.Clone(s.Inodes), func(n uint32) bool { return !slices.Contains(open, n) }); len(both) > 0 {
			s.Inodes = both
		} else if len(s.Inodes) == 0 {
			s.Inodes = open
		}
	}
	return s
}

// told is the connection that the server told a login shell. SSH_CONNECTION has the address
// and port of the client, and then those of the server.
func (f *finder) told(shell *process) (local, remote netip.AddrPort) {
	b, err := fs.ReadFile(f.proc, strconv.Itoa(shell.pid)+"/environ")
	if err != nil {
		return local, remote
	}
	for v := range strings.SplitSeq(string(b), "\x00") {
		words, ok := strings.CutPrefix(v, "SSH_CONNECTION=")
		fields := strings.Fields(words)
		if !ok || len(fields) != 4 {
			continue
		}
		remote, local = addrPort(fields[0], fields[1]), addrPort(fields[2], fields[3])
		if remote.IsValid() && local.IsValid() {
			return local, remote
		}
	}
	return netip.AddrPort{}, netip.AddrPort{}
}

// addrPort reads an address and a port; the zero AddrPort: they are not valid.
func addrPort(addr, port string) netip.AddrPort {
	a, err := netip.ParseAddr(addr)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(n))
}

// sockets are the sockets that a process has open; nil: they may not be read.
func (f *finder) sockets(pid int) []uint32 {
	dir := strconv.Itoa(pid) + "/fd"
	entries, err := fs.ReadDir(f.proc, dir)
	if err != nil {
		return nil
	}
	var out []uint32
	for _, e := range entries {
		target, err := fs.ReadLink(f.proc, dir+"/"+e.Name())
		if err != nil {
			continue
		}
		if n, ok := socketInode(target); ok {
			out = append(out, n)
		}
	}
	return out
}

// clients are the sessions of a multiplexer's clients. It is not visible which server a
// client is attached to, so all clients of the same user count.
func (f *finder) clients(server *process) []route.Session {
	name, user := multiplexer(server.name), f.user(server.pid)
	return f.each(func(p *process) bool {
		return p.pid != server.pid && p.tty != 0 && multiplexer(p.name) == name && f.user(p.pid) == user
	}, name)
}

// user is the real user ID of a process, as text.
func (f *finder) user(pid int) string {
	b, err := fs.ReadFile(f.proc, strconv.Itoa(pid)+"/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Uid:" {
			return fields[1]
		}
	}
	return ""
}

// each are the sessions of the processes that is selects. Each session is there only once.
func (f *finder) each(is func(*process) bool, through string) []route.Session {
	entries, err := fs.ReadDir(f.proc, ".")
	if err != nil {
		return nil
	}
	var out []route.Session
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := f.process(pid)
		if p == nil || !is(p) {
			continue
		}
		s, _ := f.walk(p)
		if s == nil || slices.ContainsFunc(out, func(x route.Session) bool {
			return x.Remote == s.Remote && slices.Equal(x.Inodes, s.Inodes)
		}) {
			continue
		}
		s.Through = through
		out = append(out, *s)
	}
	return out
}

// socketInode reads the link of a socket's file descriptor: socket:[4711].
func socketInode(target string) (uint32, bool) {
	text, ok := strings.CutPrefix(target, "socket:[")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 32)
	return uint32(n), err == nil
}
