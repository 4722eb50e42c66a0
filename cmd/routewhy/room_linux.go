package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Go's heap takes address space in arenas (runtime/malloc.go) and never gives it back.
// If there is no room for another arena, the runtime ends the program with a
// traceback, and nothing can catch that. So the program ends itself earlier.
const (
	arena      = 64 << 20
	arenaTaken = arena + 10<<20 // including the data that describes it, and a thread's stack
	// With the C library, every thread takes its stack and 64 MiB for malloc, and a
	// few threads are started later.
	cThreads = 5 * 72 << 20
)

// roomError says that the address space that the process may have is too small.
type roomError struct {
	limit int64 // bytes
}

func (e *roomError) Error() string {
	return fmt.Sprintf("out of memory: the process may have %d MiB of address space (RLIMIT_AS)", e.limit>>20)
}

func (*roomError) ownHints() []string {
	return []string{"ulimit -v unlimited, or a larger limit, allows more"}
}

// heapRoom is how many bytes the heap may have under a limit of the address space. It
// is negative or zero if the limit is too small; a limit of zero means no limit. The
// arena that already exists does not count, because the runtime begins at a random
// place in it.
func heapRoom() (room, limit int64) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &r) != nil || r.Cur > 1<<47 {
		return 0, 0
	}
	limit = int64(r.Cur)
	statm, err := os.ReadFile("/proc/self/statm")
	pages, _, _ := bytes.Cut(statm, []byte{' '})
	taken, parseErr := strconv.ParseInt(string(pages), 10, 64)
	if err != nil || parseErr != nil {
		return 0, 0
	}
	left := limit - taken*int64(os.Getpagesize())
	if withC() {
		left = max(left-cThreads, min(left, arenaTaken))
	}
	return left / arenaTaken * arena, limit
}

// pollerFiles is how many file descriptors Go's poller takes: one of epoll, and one to wake it.
const pollerFiles = 2

// startPoller starts Go's poller. That happens by itself with the first socket, and the runtime ends
// the program with a traceback if it cannot be done (runtime/netpoll_epoll.go).
func startPoller() error {
	if err := haveFree(pollerFiles + 2); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	_, _ = r.Close(), w.Close()
	return nil
}

// haveFree fails if the process may not open so many more files.
func haveFree(n int) error {
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	for range n {
		fd, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("cannot open the files that are needed: %w", err)
		}
		fds = append(fds, fd)
	}
	return nil
}

// withC reports whether the program was built with the C library.
func withC() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}

// withinRoom makes the garbage collector stay within the heap's room, and ends the
// program if that is not possible. It ends the program through the context, which
// leaves no half-written file behind, or a moment later directly.
func withinRoom(ctx context.Context, s *stdio) (context.Context, error) {
	room, limit := heapRoom()
	switch {
	case limit == 0:
		return ctx, nil
	case room <= 0:
		return ctx, &roomError{limit}
	}
	s.Room = room / 2 // the memory for files is an estimate, and printing what they hold takes more
	debug.SetMemoryLimit(room / 10 * 7)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		used := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for range time.Tick(2 * time.Millisecond) {
			metrics.Read(used)
			if int64(used[0].Value.Uint64()-used[1].Value.Uint64()) < room/10*8 {
				continue
			}
			err := &roomError{limit}
			cancel(err)
			time.Sleep(20 * time.Millisecond)
			os.Exit(reportError(s.Stderr, err))
		}
	}()
	return ctx, nil
}
