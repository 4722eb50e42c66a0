package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// The checks below find what no kernel has, and so no snapshot may have: reasoning
// relies on that. The error for a fault gives the place of the element in its list,
// counted from 1.

// check returns an error if the snapshot has something that no snapshot may have.
func (s *Snapshot) check() error {
	for _, part := range []func() error{s.checkHost, s.checkGaps, s.checkLinks, s.checkOrder, s.checkAddrs, s.checkMemberships, s.checkRules, s.checkNextHops, s.checkNeighbours, s.checkLabels, s.checkSockets} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// MaxHost is the largest length in bytes of a host's name and of the name of its kind
// (__NEW_UTS_LEN).
const MaxHost = 64

func (s *Snapshot) checkHost() error {
	if max(len(s.Host), len(s.Machine)) > MaxHost {
		return fmt.Errorf("host: its name or its machine has more than %d bytes", MaxHost)
	}
	return nil
}

func (s *Snapshot) checkGaps() error {
	for i := range s.Gaps {
		if g := &s.Gaps[i]; g.Fact == "" || !g.Family.valid() && g.Family != 0 {
			return fmt.Errorf("gaps: element %d has no fact, or a family that is none", i+1)
		}
	}
	return nil
}

func (s *Snapshot) checkLinks() error {
	indices, names := map[int]bool{}, map[string]bool{}
	for i := range s.Links {
		l := &s.Links[i]
		switch {
		case !isIndex(l.Index), indices[l.Index]:
			return fmt.Errorf("links: element %d: its index %d is none, or another's too", i+1, l.Index)
		case l.Name == "" || names[l.Name]:
			return fmt.Errorf("links: element %d: its name is missing, or another's too", i+1)
		case l.Master != 0 && !isIndex(l.Master), l.Peer != 0 && !isIndex(l.Peer):
			return fmt.Errorf("links: element %d: its master or peer is no index", i+1)
		}
		indices[l.Index], names[l.Name] = true, true
	}
	return nil
}

// isIndex reports whether a number can be a device's index.
func isIndex(n int) bool { return n > 0 && n <= math.MaxInt32 }

// maxOrders is how many lists of devices there may be. Each source of such lists gives
// one.
const maxOrders = 8

func (s *Snapshot) checkOrder() error {
	if len(s.Order) > maxOrders {
		return fmt.Errorf("device_order: more than %d lists", maxOrders)
	}
	for i, list := range s.Order {
		seen := make(map[int]bool, len(list))
		for _, index := range list {
			if !isIndex(index) || seen[index] {
				return fmt.Errorf("device_order: element %d: the index %d is none, or is there twice", i+1, index)
			}
			seen[index] = true
		}
	}
	return nil
}

func (s *Snapshot) checkAddrs() error {
	for i := range s.Addrs {
		if err := s.Addrs[i].Check(); err != nil {
			return fmt.Errorf("addresses: element %d: %w", i+1, err)
		}
	}
	return nil
}

// Check returns an error if the address is one that no kernel has.
func (a *Addr) Check() error {
	fam := FamilyOf(a.Prefix.Addr())
	switch {
	case !a.Prefix.IsValid():
		return errors.New("no prefix")
	case a.Prefix.Addr().Is4In6() && a.Prefix.Bits() < 96:
		return fmt.Errorf("%s is an IPv4 address in the form of IPv6", a.Prefix)
	case !isIndex(a.Link):
		return fmt.Errorf("link %d is no index", a.Link)
	case a.Peer != (netip.Prefix{}) && FamilyOf(a.Peer.Addr()) != fam:
		return fmt.Errorf("peer %s of %s", a.Peer, a.Prefix)
	case a.Broadcast.IsValid() && !a.Broadcast.Is4():
		return fmt.Errorf("broadcast %s", a.Broadcast)
	}
	return nil
}

func (s *Snapshot) checkMemberships() error {
	type device struct {
		link int
		is6  bool
	}
	seen := make(map[device]bool, len(s.Memberships))
	for i := range s.Memberships {
		m := &s.Memberships[i]
		at := device{m.Link, m.Is6()}
		if !isIndex(m.Link) || seen[at] {
			return fmt.Errorf("memberships: element %d: link %d is no index, or is there twice", i+1, m.Link)
		}
		seen[at] = true
		family := IPv4
		if m.Is6() {
			family = IPv6
		}
		for _, a := range slices.Concat(m.Groups, m.Filtered) {
			if FamilyOf(a) != family || a.Is4In6() || !a.IsMulticast() {
				return fmt.Errorf("memberships: element %d: %s is no %s multicast group", i+1, a, family)
			}
		}
	}
	return nil
}

func (s *Snapshot) checkRules() error {
	last := map[Family]uint32{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if err := r.Check(); err != nil {
			return fmt.Errorf("rules: element %d: %w", i+1, err)
		}
		if r.Priority < last[r.Family] {
			return fmt.Errorf("rules: element %d: priority %d comes after %d", i+1, r.Priority, last[r.Family])
		}
		last[r.Family] = r.Priority
	}
	return nil
}

// Check returns an error if the rule is one that no kernel has.
func (r *Rule) Check() error {
	if !r.Family.valid() {
		return fmt.Errorf("family %d", r.Family)
	}
	for _, p := range []netip.Prefix{r.Selector.Src, r.Selector.Dst} {
		if p != (netip.Prefix{}) && FamilyOf(p.Addr()) != r.Family {
			return fmt.Errorf("%s in a rule of %s", p, r.Family)
		}
	}
	switch s := &r.Selector; {
	case r.SuppressPrefixLen < -1 || r.SuppressPrefixLen > IPv6.Bits():
		return fmt.Errorf("suppress_prefixlen %d", r.SuppressPrefixLen)
	case r.SuppressGroup < -1 || r.SuppressGroup > math.MaxUint32:
		return fmt.Errorf("suppress_ifgroup %d", r.SuppressGroup)
	case r.Action == ActionGoto && r.Goto <= r.Priority:
		return fmt.Errorf("priority %d goes to %d, which is not after it", r.Priority, r.Goto)
	case r.Action == ActionTable && r.Table == 0 && !s.L3Mdev:
		return errors.New("looks in no table")
	case s.HasUIDs && s.UIDs.End < s.UIDs.Start:
		return fmt.Errorf("uidrange %d-%d", s.UIDs.Start, s.UIDs.End)
	case s.SrcPort.End < s.SrcPort.Start || s.DstPort.End < s.DstPort.Start:
		return errors.New("a range of ports ends before it begins")
	}
	return nil
}

// maxHops is how many next hops a route may have at most, and how many members a group.
// All of them are in one attribute of a message (RTA_MULTIPATH or NHA_GROUP), and the
// length of an attribute has 16 bits.
const maxHops = 1 << 16 / 8

// maxWeight is the largest weight of a next hop. Weights have 8 bits before Linux 6.12,
// and members of a group have 16 bits since.
const maxWeight = 1 << 16

func (s *Snapshot) checkNextHops() error {
	isGroup := make(map[uint32]bool, len(s.NextHops))
	for i := range s.NextHops {
		o := &s.NextHops[i]
		if _, again := isGroup[o.ID]; o.ID == 0 || again {
			return fmt.Errorf("nexthops: element %d: its id %d is none, or another's too", i+1, o.ID)
		}
		isGroup[o.ID] = len(o.Group) > 0
	}
	for i := range s.NextHops {
		o := &s.NextHops[i]
		if err := o.Check(); err != nil {
			return fmt.Errorf("nexthops: id %d: %w", o.ID, err)
		}
		for _, m := range o.Group {
			if m.ID == 0 || isGroup[m.ID] {
				return fmt.Errorf("nexthops: id %d: its member %d is a group, or none", o.ID, m.ID)
			}
		}
	}
	return nil
}

// Check returns an error if the next-hop object is one that no kernel has. It does not
// check whether the members of a group are groups themselves: the caller knows that.
func (o *NextHopObject) Check() error {
	if o.ID == 0 {
		return errors.New("its id is 0")
	}
	if len(o.Group) > maxHops {
		return fmt.Errorf("it has more than %d members", maxHops)
	}
	for _, m := range o.Group {
		if m.Weight < 1 || m.Weight > maxWeight {
			return fmt.Errorf("its member %d has weight %d", m.ID, m.Weight)
		}
	}
	return o.NextHop.check(0)
}

// check checks a next hop of a route. fam is the family of the route; zero: the next hop
// belongs to a next-hop object.
func (h *NextHop) check(fam Family) error {
	switch {
	case h.Weight < 0 || h.Weight > maxWeight:
		return fmt.Errorf("weight %d", h.Weight)
	case h.Link != 0 && !isIndex(h.Link):
		return fmt.Errorf("link %d is no index", h.Link)
	case h.Gateway.Zone() != "":
		return fmt.Errorf("gateway %s has a zone", h.Gateway)
	case fam == IPv4 && h.Gateway.Is4In6():
		return fmt.Errorf("gateway %s is an IPv4 address in the form of IPv6", h.Gateway)
	case fam == IPv6 && h.Gateway.Is4():
		return fmt.Errorf("gateway %s of an IPv6 route", h.Gateway)
	}
	return nil
}

func (s *Snapshot) checkNeighbours() error {
	for i := range s.Neighbours {
		n := &s.Neighbours[i]
		if !n.Addr.IsValid() || n.Addr.Zone() != "" || n.Link != 0 && !isIndex(n.Link) { // a listing may not name the device
			return fmt.Errorf("neighbours: element %d: its address is missing or has a zone, or its link is none", i+1)
		}
	}
	return nil
}

func (s *Snapshot) checkLabels() error {
	for i := range s.Labels {
		if p := s.Labels[i].Prefix; !isNetwork(p) || !p.Addr().Is6() {
			return fmt.Errorf("labels: element %d: its prefix is missing, or no network of IPv6", i+1)
		}
	}
	return nil
}

func (s *Snapshot) checkSockets() error {
	for i := range s.Sockets {
		x := &s.Sockets[i]
		a := x.Local.Addr()
		if x.Proto == 0 || !x.Family.valid() || FamilyOf(a) != x.Family || a.Zone() != "" || x.Remote.Addr().Zone() != "" {
			return fmt.Errorf("sockets: element %d: its protocol, family or address is missing, or they do not fit together", i+1)
		}
	}
	return nil
}

// Check returns an error if the route is one that no kernel has.
func (r *Route) Check() error {
	switch {
	case !isNetwork(r.Dst):
		return fmt.Errorf("%q is no network", r.Dst)
	case r.Table == 0:
		return errors.New("it is in no table")
	case r.Type == TypeUnspec:
		return errors.New("it has no type")
	case r.Src != (netip.Prefix{}) && (r.Src != r.Src.Masked() || FamilyOf(r.Src.Addr()) != r.Family()):
		return fmt.Errorf("from %q", r.Src)
	case r.PrefSrc.IsValid() && (FamilyOf(r.PrefSrc) != r.Family() || r.PrefSrc.Zone() != ""):
		return fmt.Errorf("prefsrc %s", r.PrefSrc)
	}
	if len(r.NextHops) > maxHops {
		return fmt.Errorf("it has more than %d next hops", maxHops)
	}
	for i := range r.NextHops {
		if err := r.NextHops[i].check(r.Family()); err != nil {
			return err
		}
	}
	return nil
}

func isNetwork(p netip.Prefix) bool {
	return p.IsValid() && p == p.Masked()
}

func (f Family) valid() bool { return f == IPv4 || f == IPv6 }

// checkKeys returns an error if an object in the JSON has a key twice, because readers
// do not agree on which of the two counts. The JSON must be valid. Keys that differ only
// in case are the same key for our reader.
func checkKeys(raw []byte) error {
	var open []map[string]bool // the keys of the surrounding objects; nil: none yet, or a list
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			open = append(open, nil)
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := i + 1
			for raw[end] != '"' {
				if raw[end] == '\\' {
					end++
				}
				end++
			}
			text := raw[i : end+1]
			i = end
			if rest := bytes.TrimLeft(raw[i+1:], " \t\r\n"); len(rest) == 0 || rest[0] != ':' {
				continue
			}
			key, err := foldedKey(text)
			if err != nil {
				return err
			}
			keys := &open[len(open)-1]
			if (*keys)[key] {
				return fmt.Errorf("%q is there twice", key)
			}
			if *keys == nil {
				*keys = map[string]bool{}
			}
			(*keys)[key] = true
		}
	}
	return nil
}

func foldedKey(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return strings.ToLower(string(quoted[1 : len(quoted)-1])), nil
	}
	var key string
	err := json.Unmarshal(quoted, &key)
	return strings.ToLower(key), err
}
