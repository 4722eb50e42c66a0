package kernel

import (
	"bufio"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// readOrder reads in which order the devices came into the namespace. Netlink does
// not tell it: it dumps devices by index, or by a hash of the index. The order is read
// only if a decision can depend on it: if more than one device has addresses that
// packets through another device may use as their source.
func (r *reader) readOrder(f route.Family) error {
	if !r.lendAddrs(f) {
		return nil
	}
	order := r.orderOfGroups
	if f == route.IPv4 {
		order = r.orderOfAddrs
	}
	if list := order(); len(list) > 1 {
		r.snap.Order = append(r.snap.Order, list)
	}
	return nil
}

// lendAddrs reports whether at least two devices, not counting lo, have addresses of a
// family that are valid beyond their own link.
func (r *reader) lendAddrs(f route.Family) bool {
	first := 0
	for i := range r.snap.Addrs {
		a := &r.snap.Addrs[i]
		switch {
		case route.FamilyOf(a.Prefix.Addr()) != f || a.Link == route.LoopbackIndex || a.Scope == route.ScopeLink:
		case first == 0:
			first = a.Link
		case a.Link != first:
			return true
		}
	}
	return false
}

// ifConf is struct ifconf (linux/if.h).
type ifConf struct {
	len int32
	buf *byte
}

// orderOfAddrs lists the devices that have IPv4 addresses, in their order. SIOCGIFCONF
// gives the addresses device by device, in the order of the devices (dev_ifconf in
// net/core/dev_ioctl.c), each with its label. Nil: the order could not be read.
func (r *reader) orderOfAddrs() []int {
	s, err := r.host.dumpSocket()
	if err != nil {
		return nil
	}
	const size = int(unsafe.Sizeof(unix.Ifreq{}))
	for room := len(r.snap.Addrs) + 8; ; room *= 2 {
		buf := make([]byte, room*size)
		conf := ifConf{int32(len(buf)), &buf[0]}
		var errno unix.Errno
		err := s.raw.Control(func(fd uintptr) {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.SIOCGIFCONF, uintptr(unsafe.Pointer(&conf)))
		})
		if err != nil || errno != 0 || conf.len < 0 || int(conf.len) > len(buf) {
			return nil
		}
		if int(conf.len) < len(buf) { // otherwise there may be more
			return r.orderOfRequests(buf[:conf.len], size)
		}
	}
}

// labelled is an address of a device as SIOCGIFCONF shows it.
type labelled struct {
	label string
	addr  netip.Addr
}

// orderOfRequests finds the devices of a list of struct ifreq.
func (r *reader) orderOfRequests(b []byte, size int) []int {
	devices := map[labelled]int{}
	for i := range r.snap.Addrs {
		if a := &r.snap.Addrs[i]; a.Prefix.Addr().Is4() {
			k := labelled{a.Label, a.Prefix.Addr()}
			if other, twice := devices[k]; twice && other != a.Link {
				devices[k] = 0 // labels are chosen freely, so two devices can have the same
			} else {
				devices[k] = a.Link
			}
		}
	}
	var out []int
	for ; len(b) >= size; b = b[size:] {
		k := labelled{unix.ByteSliceToString(b[:unix.IFNAMSIZ]), netip.AddrFrom4([4]byte(b[unix.IFNAMSIZ+4:]))}
		if dev := devices[k]; dev != 0 {
			out = append(out, dev)
		}
	}
	return inOrder(out)
}

// orderOfGroups lists the devices that have IPv6, in their order. It reads the groups,
// because each such device is in the group of all nodes (igmp6_mc_seq_show in
// net/ipv6/mcast.c). Nil: the order could not be read.
func (r *reader) orderOfGroups() []int {
	var out []int
	err := r.host.inside(func() error {
		file, err := os.Open("/proc/thread-self/net/igmp6")
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			word, _, _ := strings.Cut(lines.Text(), " ")
			if index, err := strconv.Atoi(word); err == nil {
				out = append(out, index)
			}
		}
		return lines.Err()
	})
	if err != nil {
		return nil
	}
	return inOrder(out)
}

// inOrder removes repetitions from a list of devices. If a device is in two places of
// the list, the list changed while it was read and says nothing; then the result is nil.
func inOrder(list []int) []int {
	list = slices.Compact(list)
	seen := make(map[int]bool, len(list))
	for _, index := range list {
		if seen[index] {
			return nil
		}
		seen[index] = true
	}
	return list
}
