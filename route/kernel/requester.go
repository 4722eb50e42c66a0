package kernel

import (
	"strconv"
	"strings"
	"time"

	"routewhy/route"
)

// What a process belongs to, as its /proc/PID/cgroup says (cgroups(7)).

// unitOf is the systemd unit or the container that a process's control groups name; empty:
// none.
func unitOf(cgroups string) (unit, container string) {
	for line := range strings.Lines(cgroups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || controllers != "" && controllers != "name=systemd" && container != "" {
			continue
		}
		for part := range strings.SplitSeq(path, "/") {
			if name := containerIn(part); name != "" {
				container = name
			}
			if controllers != "" && controllers != "name=systemd" {
				continue
			}
			if strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope") {
				unit = part
			}
		}
	}
	if container != "" {
		unit = "" // it is a unit of the container's own systemd, not of this host's
	}
	return unit, container
}

// containerIn is the container that a part of a control group's path names. A container's
// ID has 64 digits. Only the first 12 are given, as the usual tools do.
func containerIn(part string) string {
	if name, ok := strings.CutPrefix(part, "lxc.payload."); ok {
		return name
	}
	if name, ok := strings.CutPrefix(strings.TrimSuffix(part, ".scope"), "machine-"); ok && name != part {
		return strings.ReplaceAll(name, `\x2d`, "-")
	}
	part = strings.TrimSuffix(part, ".scope")
	part = part[strings.LastIndexAny(part, "-:")+1:]
	if len(part) != 64 || strings.Trim(part, "0123456789abcdef") != "" {
		return ""
	}
	return part[:12]
}

// routeSockets reads the NETLINK_ROUTE sockets from the text of /proc/net/netlink. The
// result has their inodes by their ports.
func routeSockets(text string) map[uint32]uint32 {
	out := map[uint32]uint32{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != "0" {
			continue
		}
		// Old kernels print the port as a signed number.
		port, err := strconv.ParseInt(f[2], 10, 64)
		inode, err2 := strconv.ParseUint(f[9], 10, 32)
		if err == nil && err2 == nil && port != 0 {
			out[uint32(port)] = uint32(inode)
		}
	}
	return out
}

// innermost reads from /proc/PID/status the ID that a process has in its own PID namespace,
// which is the ID that the process itself sees; zero: the file does not say it.
func innermost(status string) uint32 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "NSpid:"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseUint(f[len(f)-1], 10, 32)
				return uint32(n)
			}
		}
	}
	return 0
}

// mayBePID reports whether a port may be the ID of a process (PID_MAX_LIMIT).
func mayBePID(port uint32) bool { return port <= 1<<22 }

// known is what is known about a process.
type known struct {
	route.Requester
	inner uint32 // its ID in its own PID namespace
	netNS string
	age   time.Duration
}
