package kernel

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// joined are the groups that devices have joined, by the index of the device.
type joined map[int][]netip.Addr

// readMemberships reads which groups each device has joined. It reads files, because
// netlink gives the IPv4 groups only since 6.15, and the files give them in every version.
// If a file cannot be read, nothing is known of its family.
func (h *Host) readMemberships(s *route.Snapshot, family route.Family) {
	var groups, filters, groups6 joined
	var err, err6 error
	if e := h.inside(func() error {
		if groups, err = readGroups("igmp", groupsOf); err == nil {
			filters, err = readGroups("mcfilter", filtersOf)
		}
		groups6, err6 = readGroups("igmp6", groups6Of)
		return nil
	}); e != nil {
		return
	}
	for i := range s.Links {
		index := s.Links[i].Index
		if err == nil && family != route.IPv6 {
			s.Memberships = append(s.Memberships, route.Membership{Link: index, Groups: groups[index], Filtered: filters[index]})
		}
		if err6 == nil && family != route.IPv4 {
			s.Memberships = append(s.Memberships, route.Membership{Link: index, Family: route.IPv6, Groups: groups6[index]})
		}
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

// groupsOf reads /proc/net/igmp. It has a line for each device that has groups, followed
// by a line for each of these groups, which begins with a tab (igmp_mc_seq_show in
// net/ipv4/igmp.c). The address is a number in this machine's byte order.
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

// groups6Of reads /proc/net/igmp6. It has a line for each group of a device, with the
// device's index, its name and the group (igmp6_mc_seq_show in net/ipv6/mcast.c).
func groups6Of(lines *bufio.Scanner) joined {
	out := joined{}
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			continue
		}
		dev, err := strconv.Atoi(words[0])
		b, bad := hex.DecodeString(words[2])
		if a, ok := netip.AddrFromSlice(b); ok && a.Is6() && err == nil && bad == nil {
			out[dev] = append(out[dev], a)
		}
	}
	return out
}

// filtersOf reads /proc/net/mcfilter. It has a line for each source that is included or
// excluded, with the device's index, its name (which may be cut off) and the group
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
