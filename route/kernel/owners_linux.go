package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"routewhy/route"
)

// readOwners finds out which processes have the sockets of a snapshot open. It
// reads every process's list of files once. Only root may read the lists of other
// users' processes (ptrace access, see proc_pid_fd(5)). If that hides the owner of
// a socket, a gap says so.
func readOwners(snap *route.Snapshot) {
	want := map[uint32][]int{}
	for i := range snap.Sockets {
		if n := snap.Sockets[i].Inode; n != 0 {
			want[n] = append(want[n], i)
		}
	}
	if len(want) == 0 {
		return
	}
	denied, err := scanProcesses("/proc", func(p route.Process, inode uint32) {
		for _, i := range want[inode] {
			snap.Sockets[i].Owners = addOwner(snap.Sockets[i].Owners, p)
		}
	})
	switch {
	case err != nil:
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactProcesses, Why: why(err)})
	case denied && ownerless(snap) > 0:
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactProcesses, Why: whyDenied(os.Getuid())})
	}
}

// whyDenied says which privilege is needed to see the descriptors of every process.
func whyDenied(uid int) string {
	if uid == 0 {
		return "permission denied by some processes, although you are root (CAP_SYS_PTRACE, or a security module)"
	}
	return fmt.Sprintf("permission denied: only root sees what other users' processes have open, and you are uid %d", uid)
}

// ownerless counts the sockets without an owner.
func ownerless(snap *route.Snapshot) int {
	n := 0
	for i := range snap.Sockets {
		if len(snap.Sockets[i].Owners) == 0 && snap.Sockets[i].Inode != 0 {
			n++
		}
	}
	return n
}

// addOwner adds a process only once, even if it has several descriptors.
func addOwner(all []route.Process, p route.Process) []route.Process {
	if n := len(all); n > 0 && all[n-1].PID == p.PID {
		return all
	}
	return append(all, p)
}

// scanProcesses calls found for every socket that a process has open. A process
// that ends during the scan is skipped. Denied says that some processes may not be
// looked at.
func scanProcesses(proc string, found func(route.Process, uint32)) (denied bool, err error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		if scanFiles(dir, pid, found) {
			denied = true
		}
	}
	return denied, nil
}

// scanFiles calls found for every socket of one process. Denied says that the process
// may not be looked at.
func scanFiles(dir string, pid int, found func(route.Process, uint32)) (denied bool) {
	fds := filepath.Join(dir, "fd")
	names, err := readNamesOf(fds)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	p := route.Process{PID: pid}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(fds, name))
		if err != nil {
			denied = denied || errors.Is(err, fs.ErrPermission)
			continue
		}
		inode, ok := socketInode(target)
		if !ok {
			continue
		}
		if p.Name == "" {
			p.Name = processName(dir)
		}
		found(p, inode)
	}
	return denied
}

func readNamesOf(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func processName(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}
