package kernel

import (
	"errors"
	"io/fs"
	"strings"

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
	buf := make([]byte, 256)
	found := false
	for _, path := range settingsOf(f).paths(devices) {
		v, err := readSysctl(buf, path)
		switch {
		case err == nil:
			into[path], found = v, true
		case gap.Why == "" && !errors.Is(err, fs.ErrNotExist):
			gap.Why = path + ": " + err.Error()
		}
	}
	// IPv6 may be absent, but not IPv4.
	if !found && f == route.IPv4 && gap.Why == "" {
		gap.Why = "there is no " + sysctlFolder + "net/ipv4"
	}
	return gap, gap.Why == ""
}

// readSysctl reads one small file with three system calls. That is far cheaper
// than os.ReadFile, and there are about twenty for each device.
func readSysctl(buf []byte, path string) (string, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(sysctlFolder+path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, buf) })
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(buf[:n])), nil
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
