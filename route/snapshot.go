package route

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Snapshot is what was read of one network namespace at one time. The zero
// value is a host of which nothing is known. Its Gaps do not say that: the code
// that fills a Snapshot must record there what it could not read.
type Snapshot struct {
	// Host is the host's own name (uname -n), which need not be unique; empty: unknown.
	Host string
	// Machine is the kind of its hardware (uname -m), such as x86_64; empty: unknown.
	Machine string
	// Release is the kernel's release (uname -r); empty: unknown.
	Release string
	// Time is when the reading ended.
	Time time.Time
	// Links are in the order of their indexes, see [Snapshot.SortLinks].
	Links []Link
	// Order are lists of the indexes of devices. Each list is in the order in which
	// the devices came into the namespace. The kernel's own list has the same order
	// (for_each_netdev), and the kernel uses it to choose among the addresses of
	// several devices. A list leaves out the devices that its source does not show.
	// If no list has both of two devices, their order is not known, except that lo
	// came first.
	Order [][]int
	// Addrs are in the kernel's dump order, which is the order in which it
	// considers them as source addresses.
	Addrs []Addr
	// Memberships are the multicast groups that each device has joined. If a device is
	// not there for a family, its groups of that family are not known.
	Memberships []Membership
	// Rules are in the kernel's order within each family.
	Rules []Rule
	// Routes are in the kernel's dump order, which within one prefix of one
	// table is the order in which the kernel tries them.
	Routes     []Route
	NextHops   []NextHopObject
	Neighbours []Neighbour
	Labels     []AddrLabel
	// Sockets are there only if they were asked for. They are in the order in
	// which the kernel lists them.
	Sockets []Socket
	// Policies are the IPsec policies, if they were asked for and may be read. They
	// are never written to a file.
	Policies []Policy
	// Markers are what sets the marks of packets, if they were asked for, a rule asks for
	// a mark, and they may be read. MarkersRead says that they were.
	Markers     []Marker
	MarkersRead bool
	// Learnt are what the kernel has learnt from ICMP redirects, if that was asked for.
	Learnt []Redirect
	// WireGuard are WireGuard devices, if they were asked for and may be read.
	WireGuard []WireGuard
	Sysctls   Sysctls
	Names     Names
	// Merged says whether IPv4's local and main tables share one trie. They do
	// until the first change of a rule (fib_unmerge).
	Merged Tristate
	// NoRules4 and NoRules6 say that the kernel has no policy rules at all for
	// the family, because it was built without multiple tables.
	NoRules4, NoRules6 bool
	// Modules says whether the kernel may load modules, so that it may have more than it
	// shows.
	Modules Tristate
	// Gaps are the facts that are not in the snapshot although the host may
	// have them.
	Gaps []Gap
	// Changed says that the tables were still changing when the reader gave
	// up reading them again.
	Changed bool
}

// Tristate is a yes or no that may be unknown. The zero value is Unknown.
type Tristate uint8

// The three states.
const (
	Unknown Tristate = iota
	Yes
	No
)

var tristateNames = [...]string{"unknown", "yes", "no"}

func (t Tristate) String() string { return enumName(tristateNames[:], int(t)) }

// MarshalText gives yes, no or unknown.
func (t Tristate) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads yes, no or unknown, or a number.
func (t *Tristate) UnmarshalText(b []byte) error {
	n, err := enumValue(tristateNames[:], string(b), uint64(No))
	*t = Tristate(n)
	return err
}

// Fact is one kind of fact of a snapshot.
type Fact string

// The facts.
const (
	FactLinks      Fact = "links"
	FactAddrs      Fact = "addresses"
	FactRules      Fact = "rules"
	FactRoutes     Fact = "routes"
	FactNextHops   Fact = "nexthops"
	FactNeighbours Fact = "neighbours"
	FactLabels     Fact = "address labels"
	FactSysctls    Fact = "sysctls"
	FactNames      Fact = "names"
	FactPolicies   Fact = "IPsec policies"
)

// Facts that are a part of one of those above.
const (
	// FactLocal is table local only, if it was not read and something else replaces it.
	FactLocal Fact = "table local"
	// FactOddLines are the places in files that were not understood.
	FactOddLines Fact = "odd lines"
	// FactPart are some of a table's routes: the routes that are there are true,
	// but others may be missing.
	FactPart Fact = "part of a table"
	// FactDefault is table default only, which is assumed to be empty.
	FactDefault Fact = "table default"
	// FactMerged is whether tables local and main share one trie: see Snapshot.Merged.
	FactMerged Fact = "merged tables"
	// FactChoice says that several listings of the same thing differ, and that one
	// of them was chosen.
	FactChoice Fact = "other listings"
	// FactLegs are the TOS of the routes of a table, and their next hops after the first,
	// where a listing shows neither.
	FactLegs Fact = "TOS and further next hops"
)

// Gap is a fact that could not be read, and the reason.
type Gap struct {
	Fact Fact `json:"fact"`
	// Family restricts the gap to one family; zero: both.
	Family Family `json:"family,omitzero"`
	// Tables restricts a gap in the routes to all tables except these. Empty: no
	// table was read. For FactPart, FactChoice and FactLegs, the gap is in these tables only;
	// empty: in any table.
	Tables []Table `json:"tables,omitempty"`
	// Assumed says that the snapshot has the usual facts instead: the three
	// default rules, or in table local the host's addresses.
	Assumed bool `json:"assumed,omitzero"`
	// Private says that the reader does not have the privilege that is needed.
	Private bool `json:"private,omitzero"`
	// Why is the reason in a few words: "EPERM, operation not permitted".
	Why string `json:"why"`
}

// NotInFiles is a Gap's Why if files do not have the fact, which is usual.
const NotInFiles = "not in the files"

// concerns reports whether a gap is about a fact of a family.
func (g *Gap) concerns(f Fact, fam Family) bool {
	return g.Fact == f && (g.Family == 0 || fam == 0 || g.Family == fam)
}

// Lacks reports whether nothing is known of a fact for a family.
func (s *Snapshot) Lacks(f Fact, fam Family) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool {
		return g.concerns(f, fam) && !g.Assumed && len(g.Tables) == 0
	})
}

// WhyLacks says why nothing is known of a fact for a family, or not everything;
// empty: there is no such gap.
func (s *Snapshot) WhyLacks(f Fact, fam Family) string {
	for i := range s.Gaps {
		if g := &s.Gaps[i]; g.concerns(f, fam) && !g.Assumed {
			return g.Why
		}
	}
	return ""
}

// LacksTable reports whether the routes of a table are not there.
func (s *Snapshot) LacksTable(t Table, fam Family) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool {
		return g.concerns(FactRoutes, fam) && !slices.Contains(g.Tables, t)
	})
}

// FirstInvented is the first number of tables of which files have only a name. Probably no
// real table has such a number.
const FirstInvented Table = 1 << 31

// MayBeOne reports whether two tables may be the same one: files have only the name of one,
// and only the number of the other.
func (s *Snapshot) MayBeOne(a, b Table) bool {
	named := func(t Table) bool {
		return s.Names.Tables[t] != "" || t == TableLocal || t == TableMain || t == TableDefault
	}
	if a < FirstInvented {
		a, b = b, a
	}
	return a >= FirstInvented && named(a) && b < FirstInvented && !named(b)
}

// LacksPart reports whether some routes of a table may be missing.
func (s *Snapshot) LacksPart(t Table, fam Family) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool {
		return g.concerns(FactPart, fam) && (len(g.Tables) == 0 || slices.Contains(g.Tables, t))
	})
}

// Assumes reports whether the snapshot has the usual fact instead of the one that
// could not be read.
func (s *Snapshot) Assumes(f Fact, fam Family) bool {
	return slices.ContainsFunc(s.Gaps, func(g Gap) bool { return g.concerns(f, fam) && g.Assumed })
}

// SortLinks sorts the devices by their indexes. The code that fills a Snapshot must call
// it, because not every kernel lists devices in that order.
func (s *Snapshot) SortLinks() {
	slices.SortFunc(s.Links, func(a, b Link) int { return cmp.Compare(a.Index, b.Index) })
}

// Link finds a device by index; nil: there is none.
func (s *Snapshot) Link(index int) *Link {
	i, ok := slices.BinarySearchFunc(s.Links, index, func(l Link, index int) int { return cmp.Compare(l.Index, index) })
	if !ok {
		return nil
	}
	return &s.Links[i]
}

// LinkByName finds a device by name; nil: there is none.
func (s *Snapshot) LinkByName(name string) *Link {
	i := slices.IndexFunc(s.Links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Links[i]
}

// LinkName is the name of a device, or "if7" for one that is not known.
func (s *Snapshot) LinkName(index int) string {
	if l := s.Link(index); l != nil {
		return l.Name
	}
	return "if" + strconv.Itoa(index)
}

// Sysctls are kernel settings by their path below /proc/sys, such as
// net/ipv4/conf/eth0.100/rp_filter. Only in this spelling is a device name with a
// dot not ambiguous. A setting that is not there was not read.
type Sysctls map[string]string

// Int is the value of a setting; false: it was not read or is not a number.
func (s Sysctls) Int(path string) (int, bool) {
	n, err := strconv.Atoi(s[path])
	return n, err == nil
}

// Conf is the value of a per-device setting, such as rp_filter of eth0 in
// IPv4. The device name may also be "all" or "default".
func (s Sysctls) Conf(f Family, dev, key string) (int, bool) {
	return s.Int(ConfPath(f, dev, key))
}

// IgnoresLinkdown reports whether routes by a device are passed over while it has no carrier
// (ip_ignore_linkdown, ip6_ignore_linkdown). For IPv4, the setting of all devices counts too.
func (s *Snapshot) IgnoresLinkdown(f Family, dev string) bool {
	const key = "ignore_routes_with_linkdown"
	all, _ := s.Sysctls.Conf(f, "all", key)
	own, _ := s.Sysctls.Conf(f, dev, key)
	return f == IPv4 && all != 0 || own != 0
}

// HasIPv4 reports whether a device has IPv4 at all (struct in_device). It loses IPv4 when
// its MTU is changed to less than 68 bytes (IPV4_MIN_MTU; RFC 791, section 3.2). One that was
// made with a smaller MTU has it (inetdev_event), and its settings.
func (s *Snapshot) HasIPv4(l *Link) bool {
	if l.MTU == 0 || l.MTU >= LeastMTU4 {
		return true
	}
	_, has := s.Sysctls.Conf(IPv4, l.Name, "forwarding")
	return has
}

// MasterOf is the device that takes every frame that a device receives as its port (see
// [Link.HasPorts]); nil: the device is no port, or is nil itself.
func (s *Snapshot) MasterOf(l *Link) *Link {
	if l == nil {
		return nil
	}
	if m := s.Link(l.Master); l.Master != 0 && m != nil && m.HasPorts() {
		return m
	}
	return nil
}

// ConfPath is the path of a per-device setting.
func ConfPath(f Family, dev, key string) string {
	if f == IPv4 {
		return "net/ipv4/conf/" + dev + "/" + key
	}
	return "net/ipv6/conf/" + dev + "/" + key
}

// SettingName is the name of a per-device setting in sysctl(8). There, a dot in a device's
// name is written as a slash: net.ipv4.conf.eth0/100.rp_filter.
func SettingName(f Family, dev, key string) string {
	family := "ipv4"
	if f == IPv6 {
		family = "ipv6"
	}
	return "net." + family + ".conf." + strings.ReplaceAll(dev, ".", "/") + "." + key
}

// Names are a host's names for numbers (rt_tables, rt_protos). The zero value
// knows the names that are built into iproute2.
type Names struct {
	Tables    map[Table]string    `json:"tables,omitempty"`
	Protocols map[Protocol]string `json:"protocols,omitempty"`
}

// Table is a table's name, or its number if it has no name.
func (n Names) Table(t Table) string {
	if s, ok := n.Tables[t]; ok {
		return s
	}
	switch t {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.FormatUint(uint64(t), 10)
}

// TableByName finds a table by its name or number, decimal or 0x hex.
func (n Names) TableByName(name string) (Table, bool) {
	for t, s := range n.Tables {
		if s == name {
			return t, true
		}
	}
	for _, t := range []Table{TableDefault, TableMain, TableLocal} {
		if (Names{}).Table(t) == name && n.Tables[t] == "" {
			return t, true
		}
	}
	v, err := strconv.ParseUint(name, 0, 32)
	return Table(v), err == nil
}

// Protocol is a protocol's name, or its number if it has no name.
func (n Names) Protocol(p Protocol) string {
	if s, ok := n.Protocols[p]; ok {
		return s
	}
	if s := builtinProtocol(p); s != "" {
		return s
	}
	return strconv.Itoa(int(p))
}

// builtinProtocol has the names compiled into iproute2 (lib/rt_names.c).
func builtinProtocol(p Protocol) string {
	switch p {
	case ProtocolUnspec:
		return "unspec"
	case ProtocolRedirect:
		return "redirect"
	case ProtocolKernel:
		return "kernel"
	case ProtocolBoot:
		return "boot"
	case ProtocolStatic:
		return "static"
	case 8:
		return "gated"
	case ProtocolRA:
		return "ra"
	case 10:
		return "mrt"
	case 11:
		return "zebra"
	case 12:
		return "bird"
	case 13:
		return "dnrouted"
	case 14:
		return "xorp"
	case 15:
		return "ntk"
	case ProtocolDHCP:
		return "dhcp"
	case 17:
		return "mrouted"
	case 18:
		return "keepalived"
	case 42:
		return "babel"
	case 84:
		return "ovn"
	case 99:
		return "openr"
	case 186:
		return "bgp"
	case 187:
		return "isis"
	case 188:
		return "ospf"
	case 189:
		return "rip"
	case 192:
		return "eigrp"
	}
	return ""
}
