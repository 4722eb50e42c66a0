package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace whose routing state can be read. Its methods
// may be called concurrently, but one reading waits for another.
type Host struct {
	ns    netns.NsHandle // netns.None: the namespace that the calling thread is in
	names []string       // the folders of iproute2's names; a later one has precedence

	dumpMu sync.Mutex
	dumps  *socket
	watch  *watcher // the watch that the caller has started; nil: none

	askMu sync.Mutex
	asks  *socket

	closed bool // protected by both locks
}

// Open opens a network namespace by the name that ip-netns(8) gave it, by the
// ID of a process in it, or by a path such as /proc/7/ns/net. A number means a
// process only if no namespace has that number as its name. An empty string is
// the namespace that the calling thread is in.
//
// The error is a [*NamespaceError], or the reason why no netlink socket could be
// opened.
func Open(ns string) (*Host, error) {
	handle, err := openNamespace(ns)
	if err != nil {
		return nil, &NamespaceError{Name: ns, Err: err}
	}
	h := &Host{ns: handle, names: nameFolders()}
	if err := h.inside(func() error { return nil }); err != nil {
		_ = h.Close()
		return nil, &NamespaceError{Name: ns, Err: err}
	}
	if _, err := h.dumpSocket(); err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

// Close releases the sockets and the namespace. After that, calls of the Host's
// other methods fail with os.ErrClosed.
func (h *Host) Close() error {
	h.dumpMu.Lock()
	defer h.dumpMu.Unlock()
	h.askMu.Lock()
	defer h.askMu.Unlock()
	var errs []error
	for _, s := range []*socket{h.dumps, h.asks} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	h.dumps, h.asks, h.closed = nil, nil, true
	if h.ns.IsOpen() {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}

// Gone reports whether a name that [Open] got leads to this namespace no more: the name was
// deleted, or the process has ended. The namespace itself stays as long as the Host is open.
func (h *Host) Gone(ns string) bool {
	if ns == "" || !h.ns.IsOpen() {
		return false
	}
	now, err := openNamespace(ns)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotNamespace) || errors.Is(err, unix.ESRCH)
	}
	defer now.Close()
	return !now.Equal(h.ns)
}

// openNamespace finds the file of a namespace and makes sure that it is one.
// Without /proc, the calling thread's namespace has no file.
func openNamespace(ns string) (netns.NsHandle, error) {
	if ns == "" {
		own, err := netns.Get()
		if err != nil {
			return netns.None(), nil
		}
		return own, nil
	}
	handle, err := openNamespaceFile(ns)
	if err != nil {
		return handle, err
	}
	typ, err := unix.IoctlRetInt(int(handle), unix.NS_GET_NSTYPE)
	if err != nil || typ != unix.CLONE_NEWNET {
		_ = handle.Close()
		return netns.None(), errNotNamespace
	}
	return handle, nil
}

func openNamespaceFile(ns string) (netns.NsHandle, error) {
	if strings.Contains(ns, "/") {
		return netns.GetFromPath(ns)
	}
	handle, err := netns.GetFromName(ns)
	if pid, perr := strconv.Atoi(ns); perr == nil && errors.Is(err, fs.ErrNotExist) {
		return netns.GetFromPid(pid)
	}
	return handle, err
}

// inside calls f on a thread that is in the host's namespace. If the calling thread
// is in that namespace, f is called on it, because to enter a namespace needs
// privilege, even if it is the caller's own. Otherwise another thread enters the
// namespace. If that thread cannot return to its own namespace, it is not used again.
func (h *Host) inside(f func() error) error {
	if !h.ns.IsOpen() || h.here() {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		own, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer own.Close()
		if err = netns.Set(h.ns); err == nil {
			err = f()
		}
		if netns.Set(own) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// here reports whether the calling thread is in the host's namespace.
func (h *Host) here() bool {
	var thread, host unix.Stat_t
	return unix.Stat("/proc/thread-self/ns/net", &thread) == nil &&
		unix.Fstat(int(h.ns), &host) == nil &&
		thread.Dev == host.Dev && thread.Ino == host.Ino
}

// dumpSocket is the socket for dumps. On this socket the kernel checks requests
// strictly, and it does not mix learnt exceptions with the routes. Before 4.20 it
// did mix them.
func (h *Host) dumpSocket() (*socket, error) {
	fresh, err := h.renew(&h.dumps)
	if fresh {
		h.dumps.set(unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	}
	return h.dumps, err
}

// askSocket is the socket for RTM_GETROUTE. It has no strict checking, because that
// would refuse in IPv6 requests some things that it accepts in IPv4 requests.
func (h *Host) askSocket() (*socket, error) {
	_, err := h.renew(&h.asks)
	return h.asks, err
}

// renew opens a new socket if there is none or if the old one is broken.
func (h *Host) renew(s **socket) (fresh bool, err error) {
	if h.closed {
		return false, os.ErrClosed
	}
	if *s != nil && !(*s).broken {
		return false, nil
	}
	if *s != nil {
		_ = (*s).close()
	}
	if *s, err = h.dial(0); err != nil {
		return false, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	return true, nil
}
