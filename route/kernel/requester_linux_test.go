package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKernelThread checks that a thread of the kernel is not taken for a process that asks for
// changes. A process of a container often has the same ID there.
func TestKernelThread(t *testing.T) {
	proc := t.TempDir()
	for pid, flags := range map[string]string{"7": "69238848", "8": "4194304"} { // as Linux 6.18 has them
		dir := filepath.Join(proc, pid)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"status": "Name:\tksmd\nPid:\t" + pid + "\nPPid:\t2\nNSpid:\t" + pid + "\n", "comm": "ksmd\n",
			"stat": pid + " (a) b) S 2 0 0 0 -1 " + flags + strings.Repeat(" 0", 43) + "\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if k := readKnown(proc, 7); k != nil {
		t.Errorf("the thread of the kernel is %+v", k)
	}
	if k := readKnown(proc, 8); k == nil || k.Comm != "ksmd" || k.inner != 8 {
		t.Errorf("the process is %+v", k)
	}
}

// TestCoincidingID checks that a process which lives on without the socket is not taken for the
// owner of a socket that is closed: a process of a container may have had the same ID there.
func TestCoincidingID(t *testing.T) {
	proc := t.TempDir()
	for _, dir := range []string{"9/fd", "10/fd"} {
		if err := os.MkdirAll(filepath.Join(proc, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", filepath.Join(proc, "9/fd/0")); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []string{"9", "10"} {
		if err := os.WriteFile(filepath.Join(proc, pid, "status"), []byte("Name:\tip\nPid:\t"+pid+"\nPPid:\t2\nNSpid:\t"+pid+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &Requesters{proc: proc}
	if by := r.gone(9, readKnown(proc, 9)); by != nil {
		t.Errorf("a process that lives on is %+v", by)
	}
	if by := r.gone(10, readKnown(proc, 10)); by == nil || by.PID != 10 {
		t.Errorf("a process that is ending is %+v", by)
	}
}
