package kernel

import (
	"testing"
	"testing/fstest"
)

func TestHoldsTUN(t *testing.T) {
	proc := fstest.MapFS{
		"7/fdinfo/0": {Data: []byte("pos:\t0\nflags:\t02\n")},
		"7/fdinfo/5": {Data: []byte("pos:\t0\nflags:\t0104002\nmnt_id:\t15\niff:\ttun0\n")},
		"8/fdinfo/5": {Data: []byte("pos:\t0\niff:\ttun00\n")},
	}
	for pid, want := range map[int]bool{7: true, 8: false, 9: false} {
		if HoldsTUN(proc, pid, "tun0") != want {
			t.Errorf("process %d: not %v", pid, want)
		}
	}
}
