package record

import (
	"errors"
	"fmt"
	"math/rand/v2"
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
	fmt.Print("synced ", synced, " read ", have)
	if have < synced || synced < 0 {
		fmt.Println("\ntoo little")
	}
	if _, err = Create(dir, Limits{}); err != nil { // which must not need room
		return err
	}
	return fillAtOnce(dir)
}

// fillAtOnce does the same on a disk of 24 KiB with events that are written at one time. Those
// that fit must be read.
func fillAtOnce(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24k"); err != nil {
		return err
	}
	w, err := Create(dir, Limits{})
	if err != nil {
		return err
	}
	s, routes := snapshot(after(0), 1)
	if err := errors.Join(w.Snapshot(s, routes, true), w.Beat(after(0))); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 17))
	for i := range 6000 {
		e := event(i)
		e.Port = rng.Uint32()
		if err := w.Event(e); err != nil {
			return err
		}
	}
	if err := w.Flush(); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("a flush to a full disk: %w", err)
	}
	if err := w.Close(after(6000), true); err != nil {
		return err
	}
	r, err := Open(dir, nil)
	if err != nil {
		return err
	}
	read := 0
	for s, err := range r.Steps(start(), 1<<24) {
		if err != nil || s.Gap != nil {
			return fmt.Errorf("after %d events: %+v %w", read, s.Gap, err)
		}
		if s.Event != nil {
			if !s.Time.Equal(after(read)) {
				return fmt.Errorf("event %d is missing", read)
			}
			read++
		}
	}
	if read < 500 || r.End().Kind != EndBroken {
		return fmt.Errorf("%d events of 6000 are read, and the end is %d", read, r.End().Kind)
	}
	fmt.Print(" at once ", read)
	return nil
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
