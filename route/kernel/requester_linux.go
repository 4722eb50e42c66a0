package kernel

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Requesters finds the processes that ask for changes, by their netlink ports. Several
// goroutines may call its methods.
type Requesters struct {
	host  *Host
	proc  string
	netNS string // what /proc/PID/ns/net of a process in the namespace links to
	execs *execs // nil: the kernel does not report started programs

	mu    sync.Mutex
	cache map[uint32]cached
}

// cached is a result that was found a short time ago. By is nil if nobody was found.
type cached struct {
	by *route.Requester
	at time.Time
}

// freshFor is how long a result for a port stays valid. In so short a time, no process ID
// is used again.
const freshFor = 200 * time.Millisecond

// execNotice is how long to wait for the kernel's report that a program was started.
const execNotice = 2 * time.Millisecond

// maxCached limits how many ports are remembered.
const maxCached = 1024

// Requesters starts to find the processes that ask for changes of the namespace. With
// privilege, the kernel reports every program that is started, so that even programs that
// end very soon are known. The caller must close the result.
func (h *Host) Requesters() *Requesters {
	r := &Requesters{host: h, proc: "/proc", cache: map[uint32]cached{}}
	_ = h.inside(func() error {
		r.netNS, _ = os.Readlink("/proc/thread-self/ns/net")
		return nil
	})
	r.execs = listenForExecs(r.proc)
	return r
}

// Close stops the search.
func (r *Requesters) Close() {
	if r.execs != nil {
		r.execs.close()
	}
}

// Name finds the process that has a port; nil: it is not known. It should be called
// immediately, because many processes end soon after their request.
func (r *Requesters) Name(port uint32) *route.Requester {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.cache[port]; ok && time.Since(c.at) < freshFor {
		return c.by
	}
	by := r.find(port)
	if by == nil && r.execs != nil && mayBePID(port) { // the report of its start may not have arrived yet
		time.Sleep(execNotice)
		by = r.find(port)
	}
	if len(r.cache) >= maxCached {
		clear(r.cache)
	}
	r.cache[port] = cached{by, time.Now()}
	return by
}

// find finds the process. In most cases a port is the ID of the process that made the
// socket, as that process itself sees it. In a container this ID is not the one that the
// process has here, and here it may be the ID of a process that has nothing to do with it.
// The proof is that the process has the socket open.
func (r *Requesters) find(port uint32) *route.Requester {
	var one *known
	alone := true // the process may have the socket: nothing shows that it does not
	if mayBePID(port) {
		if one = readKnown(r.proc, int(port)); one != nil && one.inner != port {
			one = nil
		}
	}
	inode := r.sockets()[port]
	if inode == 0 {
		return r.gone(port, one)
	}
	if one != nil {
		switch held, open, err := holds(r.proc, one.PID, inode); {
		case held && r.shares(one.PID, inode):
			return nil
		case held:
			return &one.Requester
		case err == nil && open == 0: // the process is ending and has closed its files, but another may have the socket
		case err == nil || !errors.Is(err, fs.ErrPermission):
			alone = false
		}
	}
	owner, several, hidden := r.owner(inode)
	switch {
	case owner != nil || several:
		return owner
	case !hidden || r.sockets()[port] != inode: // the socket is being closed
		return r.gone(port, one)
	case one == nil || !alone:
		return nil
	}
	// The process's files may not be read. Its ID alone is enough if no other process has
	// the same ID in its own PID namespace, and the owner of the socket has not ended
	// while they were looked at.
	if same := r.withID(port); len(same) == 1 && r.sockets()[port] == inode && !r.shares(one.PID, inode) {
		return &one.Requester
	}
	return nil
}

// gone finds a process whose socket is already closed. It looks only among processes that
// were started a short time ago, because a program that runs for long keeps its socket. The
// process counts only if no other process has the same ID in its own PID namespace, and if it
// has ended or is ending: one that lives on without the socket may have nothing to do with it,
// and have the same ID as a process of a container that has ended.
func (r *Requesters) gone(port uint32, one *known) *route.Requester {
	if !mayBePID(port) {
		return nil
	}
	all := map[int]*known{}
	if one != nil {
		all[one.PID] = one
	}
	for _, k := range r.withID(port) {
		all[k.PID] = k
	}
	if r.execs != nil {
		for _, k := range r.execs.withID(port) {
			all[k.PID] = k
		}
	}
	if len(all) != 1 {
		return nil
	}
	for _, k := range all {
		// A process of this PID namespace may have entered the network namespace after
		// its start, as `ip -n` does.
		if k.age < startedFor && r.ending(k.PID) && (k.netNS == "" || k.netNS == r.netNS || k.inner == uint32(k.PID)) {
			return &k.Requester
		}
	}
	return nil
}

// ending reports whether a process has ended, or has closed its files because it is about to. It
// is false if that is not known, because the process's files may not be looked at.
func (r *Requesters) ending(pid int) bool {
	_, open, err := holds(r.proc, pid, 0)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return open == 0
	}
	status, err := os.ReadFile(filepath.Join(r.proc, strconv.Itoa(pid), "status"))
	return err != nil || strings.Contains(string(status), "\nState:\tZ") || strings.Contains(string(status), "\nState:\tX")
}

// sockets are the inodes of the namespace's NETLINK_ROUTE sockets by their ports.
func (r *Requesters) sockets() map[uint32]uint32 {
	var text []byte
	_ = r.host.inside(func() (err error) {
		text, err = os.ReadFile(r.proc + "/thread-self/net/netlink")
		return err
	})
	return routeSockets(string(text))
}

// withID are the processes that have an ID in their own PID namespaces.
func (r *Requesters) withID(id uint32) []*known {
	names, err := readNamesOf(r.proc)
	if err != nil {
		return nil
	}
	var out []*known
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		status, err := os.ReadFile(filepath.Join(r.proc, name, "status"))
		if err != nil || innermost(string(status)) != id {
			continue
		}
		if k := readKnown(r.proc, pid); k != nil {
			out = append(out, k)
		}
	}
	return out
}

// readKnown reads what is known of a process; nil: it is gone, or it is a thread of the kernel,
// which has no socket.
func readKnown(proc string, pid int) *known {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return nil
	}
	k := &known{Requester: route.Requester{PID: pid, Comm: processName(dir)}, inner: innermost(string(status))}
	if k.Comm == "" { // it ended between the two reads
		first, _, _ := strings.Cut(string(status), "\n")
		k.Comm = strings.TrimSpace(strings.TrimPrefix(first, "Name:"))
	}
	k.netNS, _ = os.Readlink(filepath.Join(dir, "ns/net"))
	var thread bool
	if k.age, thread = ageOf(dir); thread {
		return nil
	}
	if cgroups, err := os.ReadFile(filepath.Join(dir, "cgroup")); err == nil {
		k.Unit, k.Container = unitOf(string(cgroups))
	}
	for line := range strings.Lines(string(status)) {
		rest, ok := strings.CutPrefix(line, "PPid:")
		if parent, err := strconv.Atoi(strings.TrimSpace(rest)); ok && err == nil && parent > 1 {
			if name := processName(filepath.Join(proc, strconv.Itoa(parent))); name != "" {
				k.Parent = &route.Requester{PID: parent, Comm: name}
			}
		}
	}
	return k
}

// kernelThread is the flag of a process that is a thread of the kernel (PF_KTHREAD in
// linux/sched.h).
const kernelThread = 0x00200000

// ageOf is how long ago a process was started, and whether it is a thread of the kernel. Its
// start time in proc_pid_stat(5) counts from the boot.
func ageOf(dir string) (age time.Duration, thread bool) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, false // it has just ended
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) > 6 {
		flags, _ := strconv.ParseUint(fields[6], 10, 64)
		thread = flags&kernelThread != 0
	}
	var now unix.Timespec
	if len(fields) < 20 || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return startedFor, thread
	}
	start, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return startedFor, thread
	}
	return time.Duration(now.Nano()) - time.Duration(start)*clockTick, thread
}

// execs are the programs that were started recently, as the kernel's process connector
// reports them (Documentation/driver-api/connector.rst). The connector needs privilege and
// works only in the host's initial namespaces.
type execs struct {
	proc string
	sock *socket
	end  atomic.Bool
	done chan struct{}

	mu  sync.Mutex
	all []started // in the order of time
}

type started struct {
	*known
	at time.Time
}

// What the connector's messages hold (linux/connector.h, linux/cn_proc.h).
const (
	cnIdxProc      = 1
	cnValProc      = 1
	procListen     = 1
	procEventExec  = 2
	sizeofCnMsg    = 20
	procEventHead  = 16
	execEventTGID  = sizeofCnMsg + procEventHead + 4
	startedFor     = 10 * time.Second
	maxStarted     = 4096
	connectorGroup = 1
)

// connector opens a socket of the process connector, which exists only in the host's
// initial network namespace.
func connector() (*socket, error) {
	s, err := openSocket(unix.NETLINK_CONNECTOR, connectorGroup)
	if err == nil {
		return s, nil
	}
	first, err := netns.GetFromPid(1)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	err = (&Host{ns: first}).inside(func() (err error) {
		s, err = openSocket(unix.NETLINK_CONNECTOR, connectorGroup)
		return err
	})
	return s, err
}

// listenForExecs starts to listen; nil: the kernel does not report started programs.
func listenForExecs(proc string) *execs {
	s, err := connector()
	if err != nil {
		return nil
	}
	e := &execs{proc: proc, sock: s, done: make(chan struct{})}
	body := make([]byte, 0, sizeofCnMsg+4)
	for _, n := range []uint32{cnIdxProc, cnValProc, 0, 0} {
		body = binary.NativeEndian.AppendUint32(body, n)
	}
	body = binary.NativeEndian.AppendUint16(body, 4)
	body = binary.NativeEndian.AppendUint16(body, 0)
	body = binary.NativeEndian.AppendUint32(body, procListen)
	if s.send(appendRequest(nil, unix.NLMSG_DONE, 0, s.nextSeq(), body)) != nil {
		_ = s.close()
		return nil
	}
	go e.receive()
	return e
}

func (e *execs) close() {
	e.end.Store(true)
	<-e.done
	_ = e.sock.close()
}

// endNotice is how long it takes the receiver to notice that it should stop.
const endNotice = 100 * time.Millisecond

// receive notes every program that is started. Programs like ip end within a millisecond, so
// a separate thread waits for the reports, with a high priority if that is allowed.
func (e *execs) receive() {
	defer close(e.done)
	runtime.LockOSThread() // not unlocked, so that the thread ends with its high priority
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -20)
	buf := make([]byte, receiveBuffer)
	_ = e.sock.raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for !e.end.Load() {
			if n, err := unix.Poll(poll, int(endNotice.Milliseconds())); n == 0 || err != nil {
				continue
			}
			e.drain(int(fd), buf)
		}
	})
}

// drain reads what the kernel has queued.
func (e *execs) drain(fd int, buf []byte) {
	for {
		n, from, err := recvfrom(fd, buf, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.ENOBUFS) {
			continue
		}
		sa, ok := from.(*unix.SockaddrNetlink)
		if err != nil || n > len(buf) {
			return
		}
		if !ok || sa.Pid != 0 {
			continue
		}
		_, body, _, err := split(buf[:n])
		if err != nil || len(body) < execEventTGID+4 || binary.NativeEndian.Uint32(body[sizeofCnMsg:]) != procEventExec {
			continue
		}
		e.started(int(binary.NativeEndian.Uint32(body[execEventTGID:])))
	}
}

func (e *execs) started(pid int) {
	k := readKnown(e.proc, pid)
	if k == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	old := 0
	for old < len(e.all) && (now.Sub(e.all[old].at) > startedFor || len(e.all)-old >= maxStarted) {
		old++
	}
	e.all = append(e.all[old:], started{k, now})
}

// withID are the programs that were started recently and whose process has an ID in its own
// PID namespace. If a process started several programs, only the last one is given.
func (e *execs) withID(id uint32) []*known {
	e.mu.Lock()
	defer e.mu.Unlock()
	byPID := map[int]*known{}
	for _, s := range e.all {
		if s.inner == id && time.Since(s.at) <= startedFor {
			byPID[s.PID] = s.known
		}
	}
	out := make([]*known, 0, len(byPID))
	for _, k := range byPID {
		out = append(out, k)
	}
	return out
}
