package kernel

import (
	"bufio"
	"encoding/binary"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// joined are IPv4 groups by the indexes of the devices that have joined them.
type joined map[int][]netip.Addr

// readMemberships reads which IPv4 groups each device has joined. Netlink tells that
// since 6.15 alone, the two files in every version. Where either cannot be read, nothing
// is known.
func (h *Host) readMemberships(s *route.Snapshot) {
	var groups, filters joined
	err := h.inside(func() (err error) {
		if groups, err = readGroups("igmp", groupsOf); err == nil {
			filters, err = readGroups("mcfilter", filtersOf)
		}
		return err
	})
	if err != nil {
		return
	}
	s.Memberships = make([]route.Membership, 0, len(s.Links))
	for i := range s.Links {
		index := s.Links[i].Index
		s.Memberships = append(s.Memberships, route.Membership{Link: index, Groups: groups[index], Filtered: filters[index]})
	}
}

func readGroups(name string, parse func(*bufio.Scanner) joined) (joined, error) {
	file, err := os.Open("/proc/thread-self/net/" + name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	out := parse(lines)
	return out, lines.Err()
}

// groupsOf reads /proc/net/igmp: a line for each device that has groups, and after it
// one for each of them, which begins with a tab (igmp_mc_seq_show in net/ipv4/igmp.c).
// The address is a number of this machine's byte order.
func groupsOf(lines *bufio.Scanner) joined {
	out, dev := joined{}, 0
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case !strings.HasPrefix(lines.Text(), "\t"):
			dev, _ = strconv.Atoi(words[0]) // zero: the heading
		case dev != 0:
			if n, err := strconv.ParseUint(words[0], 16, 32); err == nil {
				var b [4]byte
				binary.NativeEndian.PutUint32(b[:], uint32(n))
				out[dev] = append(out[dev], netip.AddrFrom4(b))
			}
		}
	}
	return out
}

// filtersOf reads /proc/net/mcfilter: a line for each source that is asked for or shut
// out, with the device's index, its name, which may be cut off, and the group
// (igmp_mcf_seq_show).
func filtersOf(lines *bufio.Scanner) joined {
	out := joined{}
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			continue
		}
		dev, err := strconv.Atoi(words[0])
		n, bad := strconv.ParseUint(words[2], 0, 32)
		if err != nil || bad != nil {
			continue // the heading
		}
		group := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))))
		if !slices.Contains(out[dev], group) {
			out[dev] = append(out[dev], group)
		}
	}
	return out
}
