package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace whose routing state can be read. Its methods
// may be called concurrently, though readings wait for one another.
type Host struct {
	ns    netns.NsHandle // netns.None: that of the calling thread
	names []string       // the folders of iproute2's names, the strongest last

	dumpMu sync.Mutex
	dumps  *socket // strict: what is asked for is all that comes

	askMu sync.Mutex
	asks  *socket // loose, see encodeFlow
}

// Open opens a network namespace by the name that ip-netns(8) gave it, by the
// ID of a process in it, or by a path such as /proc/7/ns/net; a name that is a
// number means a process only where no namespace has it. An empty string is
// the namespace of the calling thread, which must then stay the same as long
// as the Host is used.
//
// Errors are a [*NamespaceError], or what kept it from opening a netlink
// socket.
func Open(ns string) (*Host, error) {
	h := &Host{ns: netns.None(), names: nameFolders()}
	if ns != "" {
		handle, err := openNamespace(ns)
		if err != nil {
			return nil, &NamespaceError{Name: ns, Err: err}
		}
		h.ns = handle
	}
	if err := h.inside(func() error { return nil }); err != nil {
		_ = h.Close()
		return nil, &NamespaceError{Name: ns, Err: err}
	}
	s, err := h.dial(0)
	if err != nil {
		_ = h.Close()
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	h.dumps = s
	return h, nil
}

// Close releases the sockets and the namespace.
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
	h.dumps, h.asks = nil, nil
	if h.ns.IsOpen() {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}

// openNamespace finds the file of a namespace and makes sure that it is one.
func openNamespace(ns string) (netns.NsHandle, error) {
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

// inside calls f on a thread that is in the host's namespace. A thread that
// cannot be brought back is given up.
func (h *Host) inside(f func() error) error {
	if !h.ns.IsOpen() {
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
		err = netns.Set(h.ns)
		if err == nil {
			err = f()
		}
		if netns.Set(own) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
