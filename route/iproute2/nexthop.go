package iproute2

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"routewhy/route"
)

// NextHopObject is a next-hop object as `ip -j -d nexthop show` writes it.
type NextHopObject struct {
	ID        uint32         `json:"id"`
	Group     Members        `json:"group,omitempty"`
	Type      string         `json:"type,omitempty"`
	Resilient *ResilientArgs `json:"resilient_args,omitempty"`
	Encap     string         `json:"encap,omitempty"`
	Gateway   string         `json:"gateway,omitempty"`
	Via       *Via           `json:"via,omitempty"`
	Dev       string         `json:"dev,omitempty"`
	Scope     Text           `json:"scope,omitempty"`
	Blackhole Mark           `json:"blackhole,omitempty"`
	Protocol  Text           `json:"protocol,omitempty"`
	Flags     []string       `json:"flags"`
	FDB       Mark           `json:"fdb,omitempty"`
	Flow      *Realms        `json:"-"`
	Tunnel    []string       `json:"-"`
}

// ResilientArgs are the parameters of a resilient group.
type ResilientArgs struct {
	Buckets         uint32 `json:"buckets"`
	IdleTimer       uint32 `json:"idle_timer"`
	UnbalancedTimer uint32 `json:"unbalanced_timer"`
	UnbalancedTime  uint32 `json:"unbalanced_time"`
}

// Member is one member of a group.
type Member struct {
	ID     uint32 `json:"id"`
	Weight int    `json:"weight,omitempty"` // zero: 1
}

func (o *NextHopObject) hop() hopFields {
	return hopFields{&o.Gateway, &o.Via, &o.Dev, &o.Encap, &o.Tunnel, &o.Flow, &o.Flags, false}
}

func (o *NextHopObject) args() *ResilientArgs {
	if o.Resilient == nil {
		o.Resilient = new(ResilientArgs)
	}
	return o.Resilient
}

// objectWords are the words of a next-hop object in the order of print_nexthop in
// ip/ipnexthop.c.
var objectWords = languageOf(func() []keyword[NextHopObject] {
	return []keyword[NextHopObject]{
		{"id", func(o *NextHopObject) any { return &o.ID }},
		{"group", func(o *NextHopObject) any { return &o.Group }},
		{"type", func(o *NextHopObject) any { return &o.Type }},
		{"buckets idle_timer unbalanced_timer unbalanced_time", func(o *NextHopObject) any { return resilientWords{o} }},
		{"encap", func(o *NextHopObject) any { return encapWords(o.hop()) }},
		{"via", func(o *NextHopObject) any { return viaWords(o.hop()) }},
		{"dev", func(o *NextHopObject) any { return &o.Dev }},
		{"scope", func(o *NextHopObject) any { return &o.Scope }},
		{"blackhole", func(o *NextHopObject) any { return &o.Blackhole }},
		{"proto protocol", func(o *NextHopObject) any { return &o.Protocol }},
		{hopFlags, func(o *NextHopObject) any { return (*flagWords)(&o.Flags) }},
		{"fdb", func(o *NextHopObject) any { return &o.FDB }},
		{"realm realms", func(o *NextHopObject) any { return flowWords(o.hop()) }},
	}
})

// ParseNextHop reads a next-hop object of a listing, starting at "id". It stops at a word
// that is not understood.
func ParseNextHop(line []string) (NextHopObject, *Odd) {
	w := &words{all: line}
	o := NextHopObject{Flags: []string{}}
	for w.more() {
		if !objectWords().take(w, &o) {
			w.fail(fmt.Errorf("%q is not known", w.next()))
		}
	}
	return o, w.odd
}

// ParseNextHopJSON reads a next-hop object that ip(8) wrote as JSON.
func ParseNextHopJSON(raw []byte) (o NextHopObject, err error) {
	err = json.Unmarshal(raw, &o)
	return o, err
}

// String is the object as `ip -d nexthop show` lists it.
func (o *NextHopObject) String() string { return strings.Join(objectWords().text(nil, o), " ") }

// Resolve finds the numbers of an object. Even with an error, it returns as much as was
// understood. A next hop whose gateway cannot be read has [route.NextHopUnread].
func (o *NextHopObject) Resolve(n Names) (route.NextHopObject, error) {
	h, first := o.hop().resolve(n)
	out := route.NextHopObject{
		ID: o.ID, NextHop: h, Blackhole: bool(o.Blackhole), FDB: bool(o.FDB), Resilient: o.Type == "resilient",
	}
	if h.Gateway.IsValid() {
		out.Family = route.FamilyOf(h.Gateway)
	}
	if o.Resilient != nil {
		out.Buckets = int(o.Resilient.Buckets)
	}
	for _, m := range o.Group {
		out.Group = append(out.Group, route.GroupMember{ID: m.ID, Weight: max(1, m.Weight)})
	}
	if o.Protocol != "" {
		var err error
		if out.Protocol, err = n.Protocol(string(o.Protocol)); err != nil && first == nil {
			first = err
		}
	}
	return out, first
}

// Members are the members of a group. In text, "1,3/2" has the object 1 with a weight of 3,
// and the object 2.
type Members []Member

func (m *Members) take(_ string, w *words) {
	for one := range strings.SplitSeq(w.next(), "/") {
		idText, weightText, has := strings.Cut(one, ",")
		id, err := ParseUint(idText, 32)
		weight := uint64(0)
		if has && err == nil {
			weight, err = ParseUint(weightText, 16)
		}
		if err != nil {
			w.fail(err)
		}
		*m = append(*m, Member{uint32(id), int(weight)})
	}
}

func (m *Members) text(name string) []string {
	if len(*m) == 0 {
		return nil
	}
	all := make([]string, len(*m))
	for i, one := range *m {
		all[i] = strconv.FormatUint(uint64(one.ID), 10)
		if one.Weight > 1 {
			all[i] += "," + strconv.Itoa(one.Weight)
		}
	}
	return []string{name, strings.Join(all, "/")}
}

type resilientWords struct{ *NextHopObject }

func (o resilientWords) take(name string, w *words) {
	n := uint32(w.number(32))
	switch a := o.args(); name {
	case "buckets":
		a.Buckets = n
	case "idle_timer":
		a.IdleTimer = n
	case "unbalanced_timer":
		a.UnbalancedTimer = n
	case "unbalanced_time":
		a.UnbalancedTime = n
	}
}

func (o resilientWords) text(string) []string {
	a := o.NextHopObject.Resilient
	if a == nil {
		return nil
	}
	return strings.Fields(fmt.Sprintf("buckets %d idle_timer %d unbalanced_timer %d unbalanced_time %d", a.Buckets, a.IdleTimer, a.UnbalancedTimer, a.UnbalancedTime))
}
