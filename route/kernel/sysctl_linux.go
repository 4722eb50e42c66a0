package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// sysctlFolder shows the settings of the reading thread's namespace below net.
const sysctlFolder = "/proc/sys/"

// readSysctls reads the settings of devices that the wanted families have. A
// setting that does not exist is simply not there, as older kernels lack some.
func (h *Host) readSysctls(s *route.Snapshot, w *Want, devices []string) {
	s.Sysctls = route.Sysctls{}
	err := h.inside(func() error {
		for _, f := range w.families() {
			if gap, ok := readSettings(s.Sysctls, f, devices); !ok {
				s.Gaps = append(s.Gaps, gap)
			}
		}
		return nil
	})
	if err != nil {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactSysctls, Family: w.Family, Why: err.Error()})
	}
}

// readSettings reads one family's settings. False: the gap tells the first
// that could not be read.
func readSettings(into route.Sysctls, f route.Family, devices []string) (gap route.Gap, ok bool) {
	gap = route.Gap{Fact: route.FactSysctls, Family: f}
	before := len(into)
	for folder, keys := range settingsOf(f).folders(devices) {
		if err := readFolder(into, folder, keys); err != nil && gap.Why == "" {
			gap.Why = err.Error()
		}
	}
	// IPv6 may be absent, but not IPv4.
	if len(into) == before && f == route.IPv4 && gap.Why == "" {
		gap.Why = "there is no " + sysctlFolder + "net/ipv4"
	}
	return gap, gap.Why == ""
}

// readFolder reads the settings of one folder that exist. The error is the
// first of another kind, and does not keep it from reading the rest. There are
// some twenty files for each device, each a few bytes long, and os.ReadFile
// would make them most of what a Read costs.
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

// existing is the error about a file, unless there is none.
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
