package routetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Namespace is a separate network namespace, with a thread that lives in it.
// It ends with the test.
type Namespace struct {
	jobs chan func()
	gone chan struct{}
	tid  int
}

// New makes a namespace. It has only the device lo, which is down. If there is no
// permission or no ip(8), the test is skipped, and the reason is given.
func New(t testing.TB) *Namespace {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		skip(t, err.Error())
	}
	ns := &Namespace{jobs: make(chan func()), gone: make(chan struct{})}
	ready := make(chan error, 1)
	go ns.live(ready)
	if err := <-ready; err != nil {
		skip(t, whyNot(err))
	}
	t.Cleanup(func() { close(ns.jobs) })
	return ns
}

// whyNot gives the reason why there is no namespace, with what Main found out.
func whyNot(err error) string {
	switch {
	case os.Getenv(envWhy) != "":
		return err.Error() + "; " + os.Getenv(envWhy)
	case os.Getenv(envChild) != "":
		return err.Error() + " in a user namespace"
	}
	return err.Error()
}

// live enters a new namespace and does jobs there until they end. The thread
// ends with the goroutine, because it is never unlocked. The namespace ends with
// the thread.
func (ns *Namespace) live(ready chan<- error) {
	runtime.LockOSThread()
	if onMainThread() {
		// The main thread would stay after the goroutine has ended, and
		// /proc/self would show the new namespace.
		go ns.live(ready)
		<-ns.gone
		runtime.UnlockOSThread()
		return
	}
	defer close(ns.gone)
	ns.tid = threadID()
	err := enterNamespace()
	ready <- err
	if err != nil {
		return
	}
	for job := range ns.jobs {
		job()
	}
}

// Do runs f inside the namespace and returns after f has returned. Goroutines
// that f starts are outside, but a socket or file that f opens itself always
// stays inside. Processes that f starts are inside. f may call t.FailNow
// and similar functions; then the namespace is gone.
func (ns *Namespace) Do(f func()) {
	if ns.tid == threadID() {
		f()
		return
	}
	returned := make(chan bool, 1)
	job := func() {
		ok := false
		defer func() { returned <- ok }()
		f()
		ok = true
	}
	select {
	case ns.jobs <- job:
	case <-ns.gone:
		panic("routetest: the namespace is gone")
	}
	if !<-returned {
		runtime.Goexit()
	}
}

// Thread is the ID of the namespace's thread. With it, ip(8) can move a device there.
func (ns *Namespace) Thread() int { return ns.tid }

// Sysctl writes a setting, given by its path below /proc/sys.
func (ns *Namespace) Sysctl(path, value string) error {
	var err error
	ns.Do(func() {
		err = os.WriteFile(filepath.Join("/proc/sys", filepath.FromSlash(path)), []byte(value), 0)
	})
	return err
}

// ReadSysctl reads a setting, given by its path below /proc/sys.
func (ns *Namespace) ReadSysctl(path string) (string, error) {
	var value []byte
	var err error
	ns.Do(func() {
		value, err = os.ReadFile(filepath.Join("/proc/sys", filepath.FromSlash(path)))
	})
	return strings.TrimSpace(string(value)), err
}

// Index finds a device's index by its name.
func (ns *Namespace) Index(name string) (int, bool) {
	var dev *net.Interface
	ns.Do(func() { dev, _ = net.InterfaceByName(name) })
	if dev == nil {
		return 0, false
	}
	return dev.Index, true
}

// Name finds a device's name by its index; empty: there is none.
func (ns *Namespace) Name(index int) string {
	var dev *net.Interface
	ns.Do(func() { dev, _ = net.InterfaceByIndex(index) })
	if dev == nil {
		return ""
	}
	return dev.Name
}

// Settle waits inside the namespace (see the function Settle).
func (ns *Namespace) Settle() { ns.Do(Settle) }

// Settle waits until the kernel has finished what it does by itself some time
// after a change: it tells the tables that a link lost or got its carrier, and it
// adds IPv6 addresses to the local table. Settle waits in the network namespace of
// the calling thread. After a second it gives up silently; the test will then see
// what has not settled.
func Settle() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond / 2) {
		if done, err := settled(); done || err != nil {
			break
		}
	}
	_ = barrier() // it only waits; if it fails, there is nothing to wait for
}
