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
