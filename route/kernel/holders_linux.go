package kernel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"routewhy/route"
)

// owner finds the process that has a socket open. Several says that more than one has it open,
// as after a fork: any of them may have asked. Hidden says that some processes may not be looked
// at.
func (r *Requesters) owner(inode uint32) (by *route.Requester, several, hidden bool) {
	pids := map[int]bool{}
	hidden, _ = scanProcesses(r.proc, func(p route.Process, n uint32) {
		if n == inode {
			pids[p.PID] = true
		}
	})
	if len(pids) > 1 {
		return nil, true, hidden
	}
	for pid := range pids {
		if k := readKnown(r.proc, pid); k != nil {
			by = &k.Requester
		}
	}
	return by, false, hidden
}

// maxDescendants limits how many processes are looked at that a process has started.
const maxDescendants = 256

// shares reports whether a process that a process has started, or one that such a process has
// started, has a socket of it too: then any of them may have asked. If its files may not be
// looked at, it may have the socket if it runs the same program with the same arguments, as after
// a fork. All processes are not looked at, because meanwhile others would end before they were
// named.
func (r *Requesters) shares(pid int, inode uint32) bool {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		if i > 0 {
			held, _, err := holds(r.proc, all[i], inode)
			if held || errors.Is(err, fs.ErrPermission) && r.sameProgram(pid, all[i]) {
				return true
			}
		}
		if len(all) < maxDescendants {
			all = append(all, children(r.proc, all[i])...)
		}
	}
	return false
}

// sameProgram reports whether two processes run the same program with the same arguments.
func (r *Requesters) sameProgram(a, b int) bool {
	one, err := os.ReadFile(filepath.Join(r.proc, strconv.Itoa(a), "cmdline"))
	two, err2 := os.ReadFile(filepath.Join(r.proc, strconv.Itoa(b), "cmdline"))
	return err == nil && err2 == nil && string(one) == string(two)
}

// children are the processes that the threads of a process have started and that have not ended
// (/proc/PID/task/TID/children, which needs CONFIG_PROC_CHILDREN).
func children(proc string, pid int) (out []int) {
	dir := filepath.Join(proc, strconv.Itoa(pid), "task")
	threads, err := readNamesOf(dir)
	if err != nil {
		return nil
	}
	for _, tid := range threads {
		text, err := os.ReadFile(filepath.Join(dir, tid, "children"))
		if err != nil {
			continue
		}
		for word := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// holds reports whether a process has a socket open, and how many files it has open in
// all.
func holds(proc string, pid int, inode uint32) (held bool, open int, err error) {
	dir := filepath.Join(proc, strconv.Itoa(pid), "fd")
	names, err := readNamesOf(dir)
	if err != nil {
		return false, 0, err
	}
	want := "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
	for _, name := range names {
		if target, err := os.Readlink(filepath.Join(dir, name)); err == nil && target == want {
			return true, len(names), nil
		}
	}
	return false, len(names), nil
}
