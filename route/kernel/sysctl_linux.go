package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// sysctlFolder is the folder of the settings. Below net it shows the settings of the
// namespace that the reading thread is in.
const sysctlFolder = "/proc/sys/"

// readSysctls reads the settings of the wanted families: those of the namespace and
// those for all devices. A setting that does not exist is left out, because older
// kernels do not have all of them.
func (h *Host) readSysctls(s *route.Snapshot, w *route.Query) {
	err := h.inside(func() error {
		for _, f := range w.Families() {
			gap, ok := readSettings(s.Sysctls, f)
			if ok && w.NewDevices {
				gap, ok = readWritten(s.Sysctls, f)
			}
			if !ok {
				s.Gaps = append(s.Gaps, gap)
			}
		}
		return nil
	})
	if err != nil {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactSysctls, Family: w.Family, Why: why(err)})
	}
}

// HasSetting reports whether the kernel has a setting, by its path below /proc/sys. It is
// not known if the folder cannot be looked into.
func (h *Host) HasSetting(path string) route.Tristate {
	has := route.Unknown
	_ = h.inside(func() error {
		var st unix.Stat_t
		switch err := unix.Stat(sysctlFolder+path, &st); {
		case err == nil:
			has = route.Yes
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			has = route.No
		}
		return nil
	})
	return has
}

// readSettings reads one family's settings. False: some could not be read, and the gap
// names the first of them.
func readSettings(into route.Sysctls, f route.Family) (gap route.Gap, ok bool) {
	gap = route.Gap{Fact: route.FactSysctls, Family: f}
	of := settingsOf(f)
	before := len(into)
	fault := readFolder(into, of.folder, of.namespace)
	if err := readFolder(into, of.folder+"conf/all/", of.deviceKeys()); fault == nil {
		fault = err
	}
	if f == route.IPv4 && fault == nil {
		fault = readFolder(into, mplsFolder, []string{mplsKey}) // it shows whether there is MPLS
	}
	switch {
	case fault != nil:
		gap.Why = why(fault)
	case len(into) == before && f == route.IPv4: // IPv6 may be absent
		gap.Why = "there is no " + sysctlFolder + "net/ipv4"
	}
	return gap, gap.Why == ""
}

// readWritten reads the settings that the kernel writes along with those for all devices
// (inet_forward_change in net/ipv4/devinet.c, addrconf_fixup_forwarding, addrconf_disable_ipv6
// and addrconf_fixup_linkdown in net/ipv6/addrconf.c), and those by which a new device gets its
// link-local address.
func readWritten(into route.Sysctls, f route.Family) (gap route.Gap, ok bool) {
	of := settingsOf(f)
	all, fresh := []string{"accept_redirects"}, []string{"forwarding"}
	if f == route.IPv6 {
		all, fresh = nil, []string{"accept_dad", "addr_gen_mode", "disable_ipv6", "forwarding", "ignore_routes_with_linkdown"}
	}
	err := readFolder(into, of.folder+"conf/all/", all)
	if fault := readFolder(into, of.folder+"conf/default/", fresh); err == nil {
		err = fault
	}
	if err != nil {
		return route.Gap{Fact: route.FactSysctls, Family: f, Why: why(err)}, false
	}
	return route.Gap{}, true
}

// readFolder reads those settings of one folder that exist. If others cannot be
// read, the error is about the first of them, and the rest are read all the same.
// os.ReadFile is not used, because there are many files of only a few bytes, and it
// would take a large part of the time of a Read.
func readFolder(into route.Sysctls, folder string, keys []string) error {
	dir, err := openat(unix.AT_FDCWD, sysctlFolder+folder, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return existing(folder, err)
	}
	defer unix.Close(dir)
	var fault error
	var buf [64]byte
	for _, key := range keys {
		n, err := readFile(buf[:], dir, key)
		if err == nil {
			into[folder+key] = string(bytes.TrimSpace(buf[:n]))
		} else if fault == nil {
			fault = existing(folder+key, err)
		}
	}
	return fault
}

// existing is the error about a file; nil if the error is that the file does not exist.
func existing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// readFile reads the beginning of a file.
func readFile(buf []byte, dir int, name string) (int, error) {
	fd, err := openat(dir, name, unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
