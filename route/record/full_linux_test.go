package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fullFolder names the variable that makes this test program fill a small disk.
const fullFolder = "ROUTEWHY_TEST_FULL"

// fill mounts a disk of 128 KiB and records there until it is full. Then it checks what is read.
func fill(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		fmt.Println("skip", err)
		return nil
	}
	w, err := Create(dir, Limits{})
	if err != nil {
		return err
	}
	s, routes := snapshot(after(0), 100)
	synced, i := -1, 0
	for err = w.Snapshot(s, routes, true); err == nil; i++ {
		if err = w.Event(event(i)); err == nil && i%10 == 9 {
			if err = w.Sync(); err == nil {
				synced = i
			}
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	if err := w.Close(after(i), true); err != nil {
		return err
	}
	r, err := Open(dir, nil)
	if err != nil {
		return err
	}
	have := -1
	for s, err := range r.Steps(start(), 1<<24) {
		if err != nil {
			return err
		}
		if s.Gap != nil {
			fmt.Println("something is damaged")
		}
		if s.Event != nil {
			if have++; !s.Time.Equal(after(have)) {
				fmt.Println("event", have, "is missing")
			}
		}
	}
	fmt.Println("synced", synced, "read", have)
	if have < synced || synced < 0 {
		fmt.Println("too little")
	}
	_, err = Create(dir, Limits{}) // which must not need room
	return err
}

// TestFull checks that what was synced before a disk was full is read.
func TestFull(t *testing.T) {
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), fullFolder+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err != nil && cmd.ProcessState == nil || strings.HasPrefix(said, "skip") {
		t.Skipf("needs a namespace with a disk of its own: %v %s", err, said)
	}
	if err != nil || !strings.HasPrefix(said, "synced") || strings.Contains(said, "\n") {
		t.Errorf("%v: %s", err, said)
	}
	t.Log(said)
}
