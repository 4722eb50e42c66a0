package load

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// groupNames is what /proc/net/igmp6 or `ip maddr` has about the groups of a device and a
// family. Neither tells how many there are, but a list that is cut off can be told from a
// whole one.
type groupNames struct {
	listing int
	dev     int // provisional
	family  route.Family
	groups  []netip.Addr
	begun   bool // nothing before the first group is missing
	ended   bool // something follows
}

// whole reports whether nothing of the list is missing. The list of IPv6 groups ends with
// the two groups that a device joins when it gets IPv6 (ipv6_add_dev), because later ones
// are put in front of them.
func (g *groupNames) whole() bool {
	last := len(g.groups) - 1
	if g.family == route.IPv6 {
		nodes := netip.IPv6LinkLocalAllNodes().As16()
		nodes[1] = 1 // ff01::1
		return g.begun && last >= 1 && g.groups[last-1] == netip.IPv6LinkLocalAllNodes() && g.groups[last] == netip.AddrFrom16(nodes)
	}
	return g.begun && g.ended
}

// joinsByName adds a group of a device. Begun is about the first of its groups.
func (f *facts) joinsByName(dev int, group netip.Addr, begun bool) {
	g := f.lastNames()
	if g == nil || g.dev != dev || g.family != route.FamilyOf(group) {
		f.endNames()
		f.groupNames = append(f.groupNames, groupNames{listing: f.listing, dev: dev, family: route.FamilyOf(group), begun: begun})
		g = f.lastNames()
	}
	g.groups = append(g.groups, group)
	f.grouped++
}

// joins6 adds a group of /proc/net/igmp6. The list of the first device may have lost its
// beginning.
func (f *facts) joins6(dev int, digits string, notFirst bool) error {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return err
	}
	group, _ := netip.AddrFromSlice(b)
	f.joinsByName(dev, group, notFirst)
	return nil
}

// lastNames is the last list of names, if it is of the current listing.
func (f *facts) lastNames() *groupNames {
	last := len(f.groupNames) - 1
	if last < 0 || f.groupNames[last].listing != f.listing {
		return nil
	}
	return &f.groupNames[last]
}

// endNames notes that the last list of names is not cut off at its end.
func (f *facts) endNames() {
	if g := f.lastNames(); g != nil {
		g.ended = true
	}
}

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
	all := memberships{}
	for i := range f.memberships {
		list := &f.memberships[i]
		m := route.Membership{Link: index[list.dev]}
		for _, n := range list.groups {
			var b [4]byte
			orders[list.listing].PutUint32(b[:], n)
			m.Groups = append(m.Groups, netip.AddrFrom4(b))
		}
		all.add(m, len(list.groups) == list.count)
	}
	for i := range f.groupNames {
		list := &f.groupNames[i]
		m := route.Membership{Link: index[list.dev], Groups: list.groups}
		if list.family == route.IPv6 {
			m.Family = route.IPv6
		}
		all.add(m, list.whole() && f.listings[list.listing].partial == "")
	}
	return all.known()
}

// memberships are what the listings tell; nil: nothing is known.
type memberships map[familyLink]*route.Membership

type familyLink struct {
	family route.Family
	link   int
}

// add adds the groups of one list.
func (all memberships) add(m route.Membership, whole bool) {
	whole = whole && !slices.ContainsFunc(m.Groups, func(a netip.Addr) bool { return !a.IsMulticast() })
	slices.SortFunc(m.Groups, netip.Addr.Compare)
	k := familyLink{m.Family, m.Link}
	if other, again := all[k]; !whole || again && (other == nil || !slices.Equal(other.Groups, m.Groups)) {
		all[k] = nil
		return
	}
	if m.Family != route.IPv6 {
		m.Filtered = slices.DeleteFunc(slices.Clone(m.Groups), func(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{224, 0, 0, 1}) })
	}
	all[k] = &m
}

// known are the memberships in order of devices, those of IPv4 first.
func (all memberships) known() (out []route.Membership) {
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b familyLink) int {
		return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.family, b.family))
	}) {
		if m := all[k]; m != nil {
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
