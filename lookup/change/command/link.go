package command

import (
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

const linkUsage = "Usage: ip link add  [link DEV | parentdev NAME] [ name ] NAME"

// iplink reads `ip link`.
func (a *args) iplink(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = chooseExact(word, "add* set* change* replace* delete* show* lst* list* xstats* afstats* property* help*")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip link help"))
		}
	}
	switch verb {
	case "add":
		a.addLink(c)
	case "set", "change":
		a.setLink(c)
	case "delete":
		a.deleteLink(c)
	case "show", "lst", "list":
		a.addrFilter()
		c.Reads = true
	case "help":
		a.refuse(linkUsage)
	default:
		a.unknown("ip link %s is not understood", verb)
	}
}

// linkWords are the keywords of a device, in the order in which ip compares them.
const linkWords = "up down name index link address* broadcast* brd txqueuelen* qlen txqlen* mtu xdpgeneric xdpdrv xdpoffload xdp " +
	"netns multicast allmulticast promisc trailers arp carrier vf master* vrf nomaster* dynamic* type* alias* group mode state " +
	"numtxqueues* numrxqueues* addrgenmode* link-netns* link-netnsid* protodown protodown_reason gso_max_size gso_max_segs gro_max_size " +
	"tso_max_size tso_max_segs parentdev dev help*"

// linkRequest is a request that is being built, as iplink_parse fills it in.
type linkRequest struct {
	*args
	set    change.Link
	dev    string
	name   string
	lower  string
	group  string // as given by the user
	kind   string
	vrf    route.Table
	vlan   uint16
	peer   *linkRequest
	nested bool
	index  int
	ends   tunnelEnds
	hasID  bool
	unread []string // keywords: see Command.Unread
}

// setLink is iplink_modify with RTM_NEWLINK.
func (a *args) setLink(c *Command) {
	q := &linkRequest{args: a}
	q.set.Verb = change.Modify
	q.words()
	if q.dev == "" && q.group == "" {
		a.refuse("Not enough information: %q argument is required.", raw("dev"))
	}
	q.set.Name = q.name
	if q.index != 0 {
		a.refuse("index can be used only when creating devices or when moving device to another netns.")
	}
	if q.dev == "" {
		for i := range a.snap.Links {
			l := &a.snap.Links[i]
			if l.Group == *q.set.Group {
				one := q.set
				one.Index, one.Group = l.Index, nil
				c.Changes = append(c.Changes, &one)
				c.unread(l.Index, q.unread...)
			}
		}
		return
	}
	q.set.Index = a.link(q.dev).Index
	if q.kind != "" && strings.HasSuffix(q.kind, "_slave") && a.snap.Link(q.set.Index).Master == 0 {
		c.Kernel = &change.Refusal{Errno: route.EOPNOTSUPP}
		return
	}
	c.Changes = append(c.Changes, &q.set)
	c.unread(q.set.Index, q.unread...)
}

// deleteLink is iplink_modify with RTM_DELLINK.
func (a *args) deleteLink(c *Command) {
	q := &linkRequest{args: a}
	q.words()
	switch {
	case q.dev == "" && q.group == "" && q.name == "":
		a.refuse("Not enough information: %q argument is required.", raw("dev"))
	case q.dev == "" && q.name == "":
		for i := range a.snap.Links {
			if l := &a.snap.Links[i]; l.Group == *q.set.Group {
				c.Changes = append(c.Changes, &change.Link{Verb: change.Delete, Index: l.Index})
			}
		}
		if *q.set.Group == 0 {
			c.Changes, c.Kernel = nil, &change.Refusal{Errno: route.EPERM}
			return
		}
		if len(c.Changes) == 0 { // rtnl_group_dellink
			c.Kernel = &change.Refusal{Errno: route.ENODEV}
		}
		return
	}
	name := q.dev
	if name == "" {
		name = q.name
	}
	c.Changes = append(c.Changes, &change.Link{Verb: change.Delete, Index: a.link(name).Index})
}

// addLink makes a device.
func (a *args) addLink(c *Command) {
	q := &linkRequest{args: a}
	q.words()
	if q.kind == "" {
		a.refuse("Not enough information: %q argument is required", raw("type"))
	}
	switch {
	case q.kind == "vlan" && !q.hasID: // vlan_validate
		c.Kernel = &change.Refusal{Errno: route.EINVAL, Message: "8021q: VLAN properties not specified"}
	case q.kind == "tun": // tun_validate; a kernel whose driver is not loaded has other words
		known := slices.ContainsFunc(a.snap.Links, func(l route.Link) bool { return l.Kind == "tun" })
		c.Kernel = &change.Refusal{Errno: route.EOPNOTSUPP, Message: "tun/tap creation via rtnetlink is not supported", MessageUnsure: !known}
	case q.kind == "tap":
		c.Kernel = &change.Refusal{Errno: route.EOPNOTSUPP, Message: "Unknown device type"}
	}
	if c.Kernel != nil {
		return
	}
	n := q.fresh()
	if q.lower != "" {
		n.Lower = a.link(q.lower).Index
	}
	if q.kind == "veth" {
		n.Peer = &change.NewLink{}
		if q.peer != nil {
			n.Peer = q.peer.fresh()
		}
	}
	c.Changes = append(c.Changes, n)
}

// fresh is the request for a new device.
func (q *linkRequest) fresh() *change.NewLink {
	n := &change.NewLink{Name: q.name, Kind: q.kind, Table: q.vrf, Up: q.set.Up == route.Yes, Address: q.set.Address, VLAN: q.vlan,
		Index: q.index, AddrGen: q.set.AddrGen, ChoosesPorts: q.set.ChoosesPorts,
		PointToPoint: q.ends.two(q.kind), Local: q.ends.local, Remote: q.ends.remote}
	if n.Name == "" {
		n.Name = q.dev
	}
	if q.set.MTU != nil {
		n.MTU = *q.set.MTU
	}
	if q.set.Group != nil {
		n.Group = *q.set.Group
	}
	if q.set.Master != nil {
		n.Master = *q.set.Master
	}
	return n
}

// words reads the words about a device.
func (q *linkRequest) words() {
	for q.more() {
		word := q.take()
		switch key := chooseExact(word, linkWords); key {
		case "":
			q.device(word)
		case "dev":
			q.device(q.value())
		case "help":
			q.refuse(linkUsage)
		case "type":
			q.kind = q.value()
			q.typeWords()
			if !q.nested {
				return
			}
		default:
			q.keyword(key, word)
		}
	}
}

func (q *linkRequest) device(name string) {
	if q.dev != "" {
		q.garbage("dev", name)
	}
	q.dev = q.ifname(name, `"dev" not a valid ifname`)
}

// keyword reads the value of a keyword.
func (q *linkRequest) keyword(key, word string) {
	switch key {
	case "up":
		q.set.Up = route.Yes
	case "down":
		q.set.Up = route.No
	case "name":
		v := q.value()
		if q.name != "" {
			q.twice("name", v)
		}
		q.name = q.ifname(v, `"name" not a valid ifname`)
	case "link":
		q.lower = q.value()
	case "address":
		q.set.Address = q.lladdr(q.value())
		if n := len(q.set.Address); n != 6 {
			q.refuse("Invalid address length %d - must be 6 bytes", n)
		}
	case "broadcast", "brd":
		q.unread = append(q.unread, "broadcast")
		if len(q.lladdr(q.value())) != 6 {
			q.lacks = &change.Refusal{Errno: route.EINVAL}
		}
	case "mtu":
		n := q.signed(q.value(), `Invalid "mtu" value`)
		q.set.MTU = &n
	case "index":
		v := q.value()
		n, ok := number(v, 31)
		if !ok || n == 0 {
			q.invalid(v, `Invalid "index" value`)
		}
		q.index = int(n)
	case "master":
		q.master(q.value())
	case "vrf":
		v := q.value()
		l := q.args.device(v)
		if l == nil || l.Kind != "vrf" {
			q.invalid(v, "Not a valid VRF name")
		}
		q.set.Master = &l.Index
	case "nomaster":
		none := 0
		q.set.Master = &none
	case "group":
		q.group = q.value()
		n := q.groupNumber(q.group, `Invalid "group" value`)
		q.set.Group = &n
	case "alias":
		q.unread = append(q.unread, key)
		q.value()
	case "netns", "link-netns", "link-netnsid":
		q.value()
		q.unknown("moving a device between network namespaces is not understood")
	default:
		q.switches(key, word)
	}
}

// signed is an integer, read as get_integer of iproute2 does.
func (a *args) signed(v, why string) uint32 {
	text, minus := strings.CutPrefix(v, "-")
	n, ok := number(text, 31)
	if !ok {
		a.invalid(v, why)
	}
	if minus {
		return -uint32(n)
	}
	return uint32(n)
}

func (q *linkRequest) master(name string) {
	l := q.args.device(name)
	if l == nil {
		q.invalid(name, "Device does not exist")
	}
	q.set.Master = &l.Index
}

// switches reads the value of a keyword on which no decision depends, except arp.
func (q *linkRequest) switches(key, word string) {
	if !slices.Contains([]string{"arp", "carrier", "protodown", "addrgenmode"}, key) {
		q.unread = append(q.unread, key)
	}
	switch key {
	case "multicast", "allmulticast", "promisc", "trailers", "arp", "dynamic":
		v := q.value()
		if v != "on" && v != "off" {
			q.refuse("argument of %q must be %q or %q, not %q", raw(key), raw("on"), raw("off"), raw(v))
		}
		if key == "arp" {
			q.set.ARP = route.No
			if v == "on" {
				q.set.ARP = route.Yes
			}
		}
	case "carrier", "protodown":
		v := q.value()
		if v != "on" && v != "off" {
			q.refuse("argument of %q must be one of %q, %q, not %q", raw(key), raw("off"), raw("on"), raw(v))
		}
		if key == "protodown" {
			q.lacks = &change.Refusal{Errno: route.EOPNOTSUPP, Message: "Protodown not supported by device"}
			return
		}
		q.set.Carrier = route.No
		if v == "on" {
			q.set.Carrier = route.Yes
		}
	case "txqueuelen", "qlen", "txqlen":
		q.uint32Of(q.value(), `Invalid "txqueuelen" value`)
	case "numtxqueues", "numrxqueues":
		q.uint32Of(q.value(), `Invalid "`+key+`" value`)
	case "gso_max_size", "gso_max_segs", "gro_max_size", "tso_max_size", "tso_max_segs":
		q.uint32Of(q.value(), `Invalid "`+key+`" value`)
	case "parentdev":
		q.value()
	case "state":
		v := q.value()
		known := slices.ContainsFunc([]string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}, func(s string) bool {
			return strings.EqualFold(s, v)
		})
		if _, ok := number(v, 8); !known && !ok {
			q.invalid(v, "Invalid operstate")
		}
	case "mode":
		if v := q.value(); v != "default" && v != "dormant" && v != "DEFAULT" && v != "DORMANT" {
			q.invalid(v, "Invalid link mode")
		}
	case "addrgenmode":
		v := q.value()
		mode := slices.Index([]string{"eui64", "none", "stable_secret", "random"}, v) // as IN6_ADDR_GEN_MODE_* has them
		if mode < 0 {
			q.invalid(v, "Invalid address generation mode")
		}
		n := uint8(mode)
		q.set.AddrGen = &n
	default:
		q.unknown("%q is not understood", word)
	}
}

// typeWords reads the words that belong to a kind of device.
func (q *linkRequest) typeWords() {
	switch q.kind {
	case "veth":
		if q.more() && q.peek() == "peer" {
			q.take()
			q.peer = &linkRequest{args: q.args, nested: true, kind: "veth"}
			q.peer.words()
			q.peer.kind = "veth"
		} else if q.more() {
			q.take()
			q.refuse("Usage: ip link <options> type veth [peer <options>]")
		}
	case "vrf":
		for q.more() {
			if word := q.take(); word != "table" {
				q.refuse("vrf: unknown option %q?", raw(word))
			}
			v := q.value()
			t, ok := q.table(v)
			if !ok {
				q.invalid(v, "invalid table ID")
			}
			q.vrf = t
		}
	default:
		q.options()
	}
}

// options skips the settings of a kind of device, each with its value. What they do to a
// packet happens inside the device.
func (q *linkRequest) options() {
	for q.more() {
		word := q.take()
		if !slices.Contains(kindOptions(q.kind), word) {
			if kindOptions(q.kind) == nil {
				q.unknown("%q of a device of type %s is not understood", word, q.kind)
			}
			q.unknown("%q is not understood of a device of type %s", word, q.kind)
		}
		q.unread = append(q.unread, word)
		if !slices.Contains([]string{"seq", "iseq", "oseq", "csum", "icsum", "ocsum", "external", "noexternal", "nolearning", "learning", "multi_queue"}, word) {
			q.option(word, q.value())
		}
	}
}

// option reads the value of a setting of a kind of device.
func (q *linkRequest) option(word, v string) {
	modes := map[string]string{"macvlan": "private vepa bridge passthru source", "macvtap": "private vepa bridge passthru source", "ipvlan": "l2 l3 l3s"}[q.kind]
	switch {
	case (word == "local" || word == "remote") && slices.Contains(strings.Fields(tunnelKinds), q.kind):
		q.tunnelEnd(&q.ends, word, v)
	case q.kind == "vlan" && word == "id":
		n, ok := number(v, 16)
		if !ok {
			q.invalid(v, "id is invalid")
		}
		q.vlan, q.hasID = uint16(n), true
	case word == "mode" && strings.HasPrefix(q.kind, "mac") && !slices.Contains(strings.Fields(modes), v):
		q.refuse(`argument of "mode" must be "private", "vepa", "bridge", "passthru" or "source", not %q`, raw(v))
	case word == "mode" && q.kind == "ipvlan" && !slices.Contains(strings.Fields(modes), v):
		q.refuse(`argument of "mode" must be either "l2", "l3" or "l3s"`)
	case q.kind == "bridge" && (word == "stp_state" && v != "0" || word == "priority"): // br_stp_set_enabled, br_stp_set_bridge_priority
		q.set.ChoosesPorts = true
	}
}

// tunnelKinds are the kinds of tunnels over IP of which the addresses of both ends are read.
const tunnelKinds = "gre gretap ipip sit ip6gre ip6tnl ip6gretap vti vti6 erspan vxlan geneve"

// kindOptions are the known settings of a kind of device.
func kindOptions(kind string) []string {
	switch kind {
	case "bridge":
		return strings.Fields("forward_delay hello_time max_age ageing_time stp_state priority group_fwd_mask vlan_filtering vlan_protocol " +
			"vlan_default_pvid mcast_snooping mcast_querier nf_call_iptables nf_call_ip6tables nf_call_arptables group_address")
	case "vlan":
		return strings.Fields("id protocol reorder_hdr gvrp mvrp loose_binding bridge_binding ingress-qos-map egress-qos-map")
	case "macvlan", "macvtap":
		return strings.Fields("mode flag bcqueuelen")
	case "ipvlan", "ipvtap":
		return strings.Fields("mode")
	case "bond":
		return strings.Fields("mode active_slave miimon updelay downdelay arp_interval arp_ip_target primary primary_reselect fail_over_mac " +
			"xmit_hash_policy lacp_rate ad_select min_links")
	case "bridge_slave", "bond_slave":
		return strings.Fields("cost priority state guard hairpin fastleave root_block learning flood mcast_flood isolated queue_id prio")
	case "vxlan":
		return strings.Fields("id vni dev local remote group group6 local6 remote6 dstport srcport ttl tos learning nolearning external ageing maxaddress")
	case "geneve":
		return strings.Fields("id vni remote dstport ttl tos external")
	case "gre", "gretap", "ipip", "sit", "ip6gre", "ip6tnl", "ip6gretap", "vti", "vti6", "erspan":
		return strings.Fields("mode local remote ttl hoplimit tos tclass dev key ikey okey seq csum pmtudisc nopmtudisc encaplimit external fwmark dscp encap")
	case "tun":
		return strings.Fields("mode user group pi vnet_hdr multi_queue persist")
	}
	return nil
}
