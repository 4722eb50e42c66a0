package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errClosed says that standard output was closed when the program started.
var errClosed = errors.New("standard output is closed")

// checkStdout finds out whether a shell closed standard output (>&-) when it started
// the program. In that case Go's runtime opens /dev/null instead (checkfds), for
// reading and writing, and no other standard stream shares that open file. A shell
// opens /dev/null for writing only. Other programs that throw the output away may
// open it as Go does, and that is no error.
func checkStdout() error {
	flags, err := unix.FcntlInt(1, unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return nil
	}
	var out, null unix.Stat_t
	if unix.Fstat(1, &out) != nil || unix.Stat(os.DevNull, &null) != nil || out.Rdev != null.Rdev || out.Mode&unix.S_IFMT != unix.S_IFCHR {
		return nil
	}
	for _, fd := range []uintptr{0, 2} {
		const kcmpFile = 0
		pid := uintptr(os.Getpid())
		differ, _, errno := unix.Syscall6(unix.SYS_KCMP, pid, pid, kcmpFile, 1, fd, 0)
		if errno != 0 || differ == 0 {
			return nil
		}
	}
	if !startedByShell() {
		return nil
	}
	return errClosed
}

// startedByShell reports whether the parent process is a shell, judged by its name,
// if the name can be read.
func startedByShell() bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", os.Getppid()))
	if err != nil {
		return false
	}
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "busybox", "ksh", "mksh", "zsh", "fish"}, strings.TrimSpace(string(name)))
}

// untilUnread is a context that ends when nobody reads standard output any more, because a
// reader such as `| head -1` has ended. The program would notice it only at its next write.
func untilUnread(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		poll := []unix.PollFd{{Fd: 1}}
		for ctx.Err() == nil {
			n, err := unix.Poll(poll, int(unreadNotice.Milliseconds()))
			if err == nil && n > 0 {
				if poll[0].Revents&unix.POLLERR != 0 {
					cancel(unix.EPIPE)
				}
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// unreadNotice is how long it takes the watch of standard output to notice that it should
// end.
const unreadNotice = 200 * time.Millisecond
