package routetest

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterNamespace moves the calling thread into a new network namespace.
func enterNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare(CLONE_NEWNET) as uid %d: %w", os.Geteuid(), err)
	}
	for _, dev := range []string{"all", "default", "lo"} { // a new namespace inherits them from the machine's own
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+dev+"/rp_filter", []byte("0"), 0); err != nil {
			return err
		}
	}
	return nil
}

// threadID identifies the calling thread.
func threadID() int { return unix.Gettid() }

// onMainThread reports whether the caller runs on the process's first thread,
// which the Go runtime never ends.
func onMainThread() bool { return unix.Gettid() == unix.Getpid() }

// userNamespace makes the child root of its own user and network namespaces.
func userNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
	}
}
