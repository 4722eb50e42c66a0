package iproute2

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// Link is a device as `ip -j -d link show` writes it, without members that say nothing
// about where packets go. An empty field was not given.
type Link struct {
	Index     int               `json:"ifindex"`
	Lower     string            `json:"link,omitempty"` // the lower device or the other end
	LowerIf   int               `json:"link_index,omitempty"`
	Name      string            `json:"ifname"`
	Flags     []string          `json:"flags"`
	MTU       uint32            `json:"mtu,omitempty"`
	Qdisc     string            `json:"qdisc,omitempty"`
	Master    string            `json:"master,omitempty"`
	OperState string            `json:"operstate,omitempty"`
	Mode      string            `json:"linkmode,omitempty"`
	Group     Text              `json:"group,omitempty"`
	NetNSID   Text              `json:"link_netnsid,omitempty"` // the namespace of the lower device or the other end
	NetNS     string            `json:"link_netns,omitempty"`   // its name
	TxQLen    uint32            `json:"txqlen,omitempty"`
	Type      string            `json:"link_type,omitempty"`
	Address   string            `json:"address,omitempty"`
	Broadcast string            `json:"broadcast,omitempty"`
	Info      *LinkInfo         `json:"linkinfo,omitempty"`
	AltNames  []string          `json:"altnames,omitempty"`
	Addrs     []json.RawMessage `json:"addr_info,omitempty"`
}

// LinkInfo is the kind of a device, and what is known about devices of that kind.
type LinkInfo struct {
	Kind string `json:"info_kind,omitempty"`
	Data struct {
		Table Text `json:"table,omitempty"` // of a VRF
		// The two ends of a tunnel.
		Local   string `json:"local,omitempty"`
		Local6  string `json:"local6,omitempty"`
		Remote  string `json:"remote,omitempty"`
		Remote6 string `json:"remote6,omitempty"`
		Group   string `json:"group,omitempty"`
		Group6  string `json:"group6,omitempty"`
		FWMark  Text   `json:"fwmark,omitempty"` // of a tunnel's packets
		Link    string `json:"link,omitempty"`   // the device that they leave by
	} `json:"info_data,omitzero"`
}

// linkWords are the words of a device in the order of print_linkinfo in
// ip/ipaddress.c, after its flags.
var linkWords = languageOf(func() []keyword[Link] {
	return []keyword[Link]{
		{"mtu", func(l *Link) any { return &l.MTU }},
		{"qdisc", func(l *Link) any { return &l.Qdisc }},
		{"master", func(l *Link) any { return &l.Master }},
		{"state", func(l *Link) any { return &l.OperState }},
		{"mode", func(l *Link) any { return &l.Mode }},
		{"group", func(l *Link) any { return &l.Group }},
		{"qlen", func(l *Link) any { return &l.TxQLen }},
	}
})

// ParseLink reads the first line of a device in a listing: "2: eth0@if3: <UP> mtu 1500".
// No decision depends on words in it that are not known.
func ParseLink(line []string) (Link, *Odd) {
	w := &words{all: line}
	l := Link{Flags: []string{}}
	index, err := ParseUint(strings.TrimSuffix(w.next(), ":"), 31)
	if err != nil {
		w.fail(err)
	}
	l.Index = int(index)
	l.Name, l.Lower, _ = strings.Cut(strings.TrimSuffix(w.next(), ":"), "@")
	if number, ok := strings.CutPrefix(l.Lower, "if"); ok { // a device of another namespace
		if n, err := strconv.ParseUint(number, 10, 31); err == nil {
			l.Lower, l.LowerIf = "", int(n)
		}
	}
	l.Flags = linkFlagNames(w.next())
	for w.more() {
		if !linkWords().take(w, &l) {
			w.next()
		}
	}
	return l, w.odd
}

// linkFlagNames reads "<UP,LOWER_UP>".
func linkFlagNames(s string) []string {
	if !strings.HasPrefix(s, "<") || !strings.HasSuffix(s, ">") {
		s += ",..."
	}
	return strings.FieldsFunc(strings.Trim(s, "<>"), func(r rune) bool { return r == ',' })
}

// Detail reads another line of the device: its addresses, or its kind.
func (l *Link) Detail(line []string) {
	switch kind := line[0]; {
	case strings.HasPrefix(kind, "link/"):
		l.Type = kind[len("link/"):]
		if len(line) > 1 {
			l.Address = line[1]
		}
		if len(line) > 3 && (line[2] == "brd" || line[2] == "peer") {
			l.Broadcast = line[3]
		}
		l.namespace(line)
	case kind == "vrf" && len(line) > 2 && line[1] == "table":
		l.Info = &LinkInfo{Kind: kind}
		l.Info.Data.Table = Text(line[2])
	case IsTunnel(kind):
		l.Info = &LinkInfo{Kind: kind}
		l.Info.ends(line[1:])
	case slices.Contains([]string{"veth", "bridge", "bond", "dummy", "vlan", "wireguard", "tun", "macvlan", "ipvlan", "ifb", "team", "openvswitch"}, kind):
		l.Info = &LinkInfo{Kind: kind}
	}
}

// namespace reads which namespace the lower device or the other end is in.
func (l *Link) namespace(line []string) {
	for k := 0; k+1 < len(line); k++ {
		switch line[k] {
		case "link-netnsid":
			l.NetNSID = Text(line[k+1])
		case "link-netns":
			l.NetNS = line[k+1]
		}
	}
}

// Elsewhere reports whether the lower device or the other end is in another namespace.
func (l *Link) Elsewhere() bool { return l.NetNSID != "" || l.NetNS != "" }

// Below is the name of the device by which a tunnel's packets leave; empty: none is set, or
// it is in another namespace.
func (l *Link) Below() string {
	below := l.Lower
	if l.Info != nil {
		below = cmp.Or(l.Info.Data.Link, below)
	}
	if below == "NONE" {
		return ""
	}
	return below
}

// ends reads the two ends of a tunnel from the words after its kind: "remote 192.0.2.20 local
// 192.0.2.10".
func (i *LinkInfo) ends(line []string) {
	for k := 0; k+1 < len(line); k++ {
		switch line[k] {
		case "local":
			i.Data.Local = line[k+1]
		case "remote", "group":
			i.Data.Remote = line[k+1]
		case "fwmark":
			i.Data.FWMark = Text(line[k+1])
		case "dev":
			i.Data.Link = line[k+1]
		}
	}
}

// end is the first text that is a valid address and is not the unspecified address.
func end(all ...string) netip.Addr {
	for _, s := range all {
		if a, err := ParseAddr(s); err == nil && !a.IsUnspecified() {
			return a
		}
	}
	return netip.Addr{}
}

// ParseLinkJSON reads a device that ip(8) wrote as JSON.
func ParseLinkJSON(raw []byte) (l Link, err error) {
	err = json.Unmarshal(raw, &l)
	return l, err
}

// String is the device as `ip link show` lists it, with its kind, on one line.
func (l *Link) String() string {
	lower := l.Lower
	if l.LowerIf != 0 {
		lower = "if" + strconv.Itoa(l.LowerIf)
	}
	name := l.Name
	if lower != "" {
		name += "@" + lower
	}
	out := []string{strconv.Itoa(l.Index) + ":", name + ":", "<" + strings.Join(l.Flags, ",") + ">"}
	out = linkWords().text(out, l)
	if l.Type != "" {
		out = append(out, "link/"+l.Type)
	}
	if l.Address != "" {
		out = append(out, l.Address)
	}
	if l.Broadcast != "" {
		word := "brd"
		if slices.Contains(l.Flags, "POINTOPOINT") {
			word = "peer"
		}
		out = append(out, word, l.Broadcast)
	}
	if l.Info != nil {
		out = append(out, l.Info.Kind)
		if l.Info.Data.Table != "" {
			out = append(out, "table", string(l.Info.Data.Table))
		}
	}
	return strings.Join(out, " ")
}

// Resolve finds the numbers of a device. Even with an error, it returns as much as was
// understood.
func (l *Link) Resolve(n Names) (route.Link, error) {
	out := route.Link{Index: l.Index, Name: l.Name, MTU: l.MTU, OperState: operState(l.OperState), PeerNetNS: -1, AltNames: l.AltNames}
	var errs resolving
	for _, name := range l.Flags {
		out.Flags |= linkFlag(name)
	}
	if odd := l.OddFlag(); odd != "" {
		errs.add(fmt.Errorf("%q is no flag of a device", odd))
	}
	if l.Master != "" {
		out.Master = must[int](&errs)(n.Device(l.Master))
	}
	if l.Group != "" {
		group, err := parseGroup(string(l.Group))
		out.Group = uint32(group)
		errs.add(err)
	}
	if l.Info != nil {
		out.Kind = l.Info.Kind
		if d := &l.Info.Data; IsTunnel(out.Kind) {
			out.Local, out.Remote = end(d.Local, d.Local6), end(d.Remote, d.Remote6, d.Group, d.Group6)
			if d.FWMark != "" {
				mark, err := ParseUint(string(d.FWMark), 32)
				out.Mark = uint32(mark)
				errs.add(err)
			}
		}
		if table := l.Info.Data.Table; table != "" && out.Kind == "vrf" {
			out.VRFTable = must[route.Table](&errs)(n.Table(string(table)))
		}
	}
	return out, cmp.Or(errs.first, l.check())
}

// IsTunnel reports whether a kind of device has outer addresses.
func IsTunnel(kind string) bool {
	return slices.Contains([]string{"vxlan", "gre", "gretap", "ip6gre", "ip6gretap", "sit", "ipip", "ip6tnl", "geneve", "vti", "vti6"}, kind)
}

// check returns an error if the device has something that no device can have.
func (l *Link) check() error {
	if l.Index < 0 || l.Name == "" {
		return fmt.Errorf("a device named %q of index %d", l.Name, l.Index)
	}
	return nil
}

func linkFlag(s string) route.LinkFlags {
	switch s {
	case "UP":
		return route.LinkUp
	case "BROADCAST":
		return route.LinkBroadcast
	case "LOOPBACK":
		return route.LinkLoopback
	case "POINTOPOINT":
		return route.LinkPointopoint
	case "RUNNING":
		return route.LinkRunning
	case "NOARP":
		return route.LinkNoARP
	case "LOWER_UP":
		return route.LinkLowerUp | route.LinkRunning
	}
	n, err := strconv.ParseUint(s, 16, 32) // those that this ip has no name for; old busybox has none for LOWER_UP
	if err != nil {
		return 0
	}
	flags := route.LinkFlags(n)
	if flags &= route.LinkLowerUp; flags != 0 {
		flags |= route.LinkRunning
	}
	return flags
}

// OddFlag is the first word among the flags that ip(8) does not print, if it may stand for UP or
// LOWER_UP, which are missing; empty: there is none. If there is one, whether the device is up and
// has a carrier is not known.
func (l *Link) OddFlag() string {
	if slices.Contains(l.Flags, "UP") && slices.Contains(l.Flags, "LOWER_UP") {
		return ""
	}
	known := []string{
		"LOOPBACK", "BROADCAST", "POINTOPOINT", "MULTICAST", "NOARP", "ALLMULTI", "PROMISC", "MASTER", "SLAVE", "DEBUG", "DYNAMIC",
		"AUTOMEDIA", "PORTSEL", "NOTRAILERS", "UP", "LOWER_UP", "DORMANT", "ECHO", "NO-CARRIER", "M-DOWN", "RUNNING",
	}
	for _, name := range l.Flags {
		if _, err := strconv.ParseUint(name, 16, 32); err != nil && !slices.Contains(known, name) {
			return name
		}
	}
	return ""
}

// operState is the number of an RFC 2863 state (IF_OPER_*).
func operState(s string) uint8 {
	n := slices.Index([]string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}, s)
	return uint8(max(n, 0))
}
