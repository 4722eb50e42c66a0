package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup/listen"
	"routewhy/route"
)

// Exposed are addresses of this host and who reaches them.
type Exposed struct {
	Addresses []ExposedAddress `json:"addresses"`
	// Classes are the clients that may reach an address, by the device by which they come
	// in. A client is in the class with the longest prefix that covers it, among those of
	// one address and one device.
	Classes []ClientClass `json:"classes,omitzero"`
	// General says that the classes of these addresses are those of the whole host, and are
	// left out here. Only sockets in reports of many devices have it.
	General bool `json:"general,omitempty"`
}

// ExposedAddress is an address of this host, or a prefix of such.
type ExposedAddress struct {
	Address HostAddr `json:"address"`
	// Dev is the device that has it, VRF the VRF that this belongs to.
	Dev string `json:"dev"`
	VRF string `json:"vrf,omitempty"`
	// Anycast says that it is an IPv6 anycast address, on which UDP takes packets, but TCP
	// takes none.
	Anycast bool `json:"anycast,omitempty"`
	// Reach is how far it can be reached.
	Reach listen.Reach `json:"reach"`
	// SelfTo is what another socket is bound to that takes what this host itself sends
	// there.
	SelfTo string `json:"self_to,omitempty"`
}

// ClientClass are clients that are treated alike.
type ClientClass struct {
	// Addresses are those of this host that these clients reach alike. Classes with the same
	// addresses share the list.
	Addresses []HostAddr `json:"addresses,omitzero"`
	// AddressesOf is the place, from 0, of the class beside it that has the same
	// Addresses, which are then absent here. Only reports of many devices have it.
	AddressesOf *int `json:"addresses_of,omitempty"`
	// Uplink is the device that the clients' packets come in by.
	Uplink string `json:"uplink"`
	// Clients are prefixes of the clients' addresses. A prefix of length 0 stands for all
	// clients that are in no other class.
	Clients []netip.Prefix `json:"clients"`
	// Near says that all of them are in networks of this host's devices.
	Near bool `json:"near,omitempty"`
	// Delivered says whether the packets get to the sockets of this host, Answered whether
	// the answers leave it; absent: that is not known.
	Delivered *bool `json:"delivered,omitempty"`
	Answered  *bool `json:"answered,omitempty"`
	// By are the devices by which the answers may leave.
	By []string `json:"by,omitempty"`
	// Reason says why not, or why that is not known. If packets are delivered and answered,
	// it says why some of the answers are lost.
	Reason Reason `json:"reason,omitzero"`
}

// HostAddr is an address of this host, or a prefix of such: "192.0.2.2", "127.0.0.0/8".
type HostAddr struct{ netip.Prefix }

// String is the address, or the prefix with its length.
func (a HostAddr) String() string {
	if a.IsSingleIP() {
		return a.Addr().String()
	}
	return a.Prefix.String()
}

// MarshalText gives the same.
func (a HostAddr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the same.
func (a *HostAddr) UnmarshalText(b []byte) (err error) {
	if one, err := netip.ParseAddr(string(b)); err == nil {
		a.Prefix = netip.PrefixFrom(one, one.BitLen())
		return nil
	}
	a.Prefix, err = netip.ParsePrefix(string(b))
	return err
}

func (n names) exposed(locals []listen.Local) *Exposed {
	return &Exposed{Addresses: n.exposedAddresses(locals), Classes: n.classes(locals)}
}

func (n names) exposedAddresses(locals []listen.Local) []ExposedAddress {
	out := []ExposedAddress{}
	for i := range locals {
		l := &locals[i]
		out = append(out, ExposedAddress{HostAddr{l.Prefix}, n.dev(l.Link), n.dev(l.VRF), l.Anycast, l.Reach(), l.SelfTo})
	}
	return out
}

// classes are the classes of clients of some addresses, those that are the same together,
// in the order of the devices that they come in by. Addresses that share their views are
// asked about once, and classes of the same addresses share the list of them.
func (n names) classes(locals []listen.Local) []ClientClass {
	type group struct {
		uplink int
		all    []ClientClass
		sets   []int // of the addresses
	}
	var groups []*group
	at := map[string]*group{}          // by what the classes of an uplink are
	seen := map[*listen.Class]*group{} // the same of those that addresses share
	sets := alikeLocals(locals)
	for k, set := range sets {
		views := locals[set[0]].Views
		for j := range views {
			v := &views[j]
			if len(v.Classes) == 0 {
				continue
			}
			g := seen[&v.Classes[0]]
			if g == nil {
				key := fmt.Sprint(v.Uplink, v.Classes)
				if g = at[key]; g == nil {
					g = &group{uplink: v.Uplink}
					for k := range v.Classes {
						g.all = append(g.all, n.class(&v.Classes[k], v.Uplink))
					}
					groups = append(groups, g)
				}
				at[key], seen[&v.Classes[0]] = g, g
			}
			g.sets = append(g.sets, k)
		}
	}
	place := map[int]int{}
	for i := range n.snap.Links {
		place[n.snap.Links[i].Index] = i
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(place[a.uplink], place[b.uplink]) })
	out := []ClientClass{}
	lists := map[string][]HostAddr{}
	for _, g := range groups {
		key := fmt.Sprint(g.sets)
		if lists[key] == nil {
			lists[key] = addressesOf(locals, sets, g.sets)
		}
		for k := range g.all {
			g.all[k].Addresses = lists[key]
		}
		out = append(out, g.all...)
	}
	return out
}

// alikeLocals are the places of the addresses that somebody may reach, those that share
// their views together.
func alikeLocals(locals []listen.Local) [][]int {
	var out [][]int
	at := map[*listen.View]int{}
	for i := range locals {
		if len(locals[i].Views) == 0 {
			continue
		}
		first := &locals[i].Views[0]
		k, ok := at[first]
		if !ok {
			k = len(out)
			out, at[first] = append(out, nil), k
		}
		out[k] = append(out[k], i)
	}
	return out
}

// addressesOf are the addresses of some of the sets of places, in the order of the places.
func addressesOf(locals []listen.Local, sets [][]int, some []int) []HostAddr {
	var places []int
	for _, k := range some {
		places = append(places, sets[k]...)
	}
	slices.Sort(places)
	out := make([]HostAddr, len(places))
	for i, place := range places {
		out[i] = HostAddr{locals[place].Prefix}
	}
	return out
}

func (n names) class(c *listen.Class, uplink int) ClientClass {
	out := ClientClass{
		Uplink: n.dev(uplink), Clients: c.Clients, Near: c.Near, Delivered: known(c.Delivered), Answered: known(c.Answered), By: n.devs(c.By), Reason: NewReason(c.Reason),
	}
	device := func(v any) Operand {
		index, _ := v.(int)
		return Text(n.dev(index))
	}
	switch c.Reason.Code {
	case listen.CodeNoCarrier, listen.CodeNowhere, listen.CodeNoIPv6Out, listen.CodePort, listen.CodeUnheard, listen.CodeOtherLink:
		out.Reason.Want = device(c.Reason.Want)
	case listen.CodeSilent:
		out.Reason.Have = device(c.Reason.Have)
	}
	return out
}

func (n names) devs(links []int) []string {
	var out []string
	for _, link := range links {
		out = append(out, n.dev(link))
	}
	return out
}

// known is a tristate in JSON.
func known(t route.Tristate) *bool {
	if t == route.Unknown {
		return nil
	}
	yes := t == route.Yes
	return &yes
}
