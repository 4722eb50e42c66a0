package load

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// groupList is what /proc/net/igmp has about one device: the number of IPv4 groups, and
// the groups that follow. Each group is a number in the byte order of that machine.
type groupList struct {
	listing int
	dev     int // provisional
	count   int
	groups  []uint32
}

// has4 reads the line of a device: "3	eth0      :     2      V3".
func (f *facts) has4(dev int, line string) error {
	_, rest, _ := strings.Cut(line, ":")
	count, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 31)
	if err == nil {
		f.memberships = append(f.memberships, groupList{f.listing, dev, int(count), nil})
	}
	return err
}

// joins adds a group to the device above it.
func (f *facts) joins(hex string) error {
	n, err := strconv.ParseUint(hex, 16, 32)
	if last := len(f.memberships) - 1; err == nil && last >= 0 && f.memberships[last].listing == f.listing {
		f.memberships[last].groups = append(f.memberships[last].groups, uint32(n))
		f.grouped++
	}
	return err
}

// joined are the groups of the devices whose lists are whole. The sources that a group
// accepts are in another file. So all sources are known to be accepted only for the
// group that the kernel joins itself. If two listings tell different things about a
// device, nothing is known about it.
func (f *facts) joined(index []int) []route.Membership {
	orders := f.groupOrders()
	all := map[int]*route.Membership{}
	for i := range f.memberships {
		list := &f.memberships[i]
		m := &route.Membership{Link: index[list.dev]}
		for _, n := range list.groups {
			var b [4]byte
			orders[list.listing].PutUint32(b[:], n)
			if m.Groups = append(m.Groups, netip.AddrFrom4(b)); b != [4]byte{224, 0, 0, 1} {
				m.Filtered = append(m.Filtered, netip.AddrFrom4(b))
			}
		}
		whole := len(list.groups) == list.count && !slices.ContainsFunc(m.Groups, func(a netip.Addr) bool { return !a.IsMulticast() })
		if other, again := all[m.Link]; !whole || again && (other == nil || !slices.Equal(other.Groups, m.Groups)) {
			all[m.Link] = nil
			continue
		}
		all[m.Link] = m
	}
	var out []route.Membership
	for _, link := range slices.Sorted(maps.Keys(all)) {
		if m := all[link]; m != nil {
			out = append(out, *m)
		}
	}
	return out
}

// groupOrders are the byte orders of the machines that the listings are from. The order
// is big-endian if some number is not a group in little-endian order.
func (f *facts) groupOrders() map[int]binary.ByteOrder {
	out := map[int]binary.ByteOrder{}
	for i := range f.memberships {
		list := &f.memberships[i]
		if out[list.listing] == nil {
			out[list.listing] = binary.LittleEndian
		}
		if slices.ContainsFunc(list.groups, func(n uint32) bool { return n&0xf0 != 0xe0 }) {
			out[list.listing] = binary.BigEndian
		}
	}
	return out
}
