package kernel

import (
	"io/fs"
	"strconv"
	"strings"
)

// HoldsTUN reports whether a process has a TUN or TAP device open, by what /proc tells of its
// file descriptors ("iff:", tun_chr_show_fdinfo in drivers/net/tun.c). It is false if that may
// not be read.
func HoldsTUN(proc fs.FS, pid int, dev string) bool {
	folder := strconv.Itoa(pid) + "/fdinfo"
	list, err := fs.ReadDir(proc, folder)
	if err != nil {
		return false
	}
	for _, f := range list {
		b, err := fs.ReadFile(proc, folder+"/"+f.Name())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if name, is := strings.CutPrefix(strings.TrimSpace(line), "iff:"); is && strings.TrimSpace(name) == dev {
				return true
			}
		}
	}
	return false
}
