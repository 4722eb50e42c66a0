package report

import (
	"encoding/json"
	"errors"
	"net/netip"

	"routewhy/lookup/listen"
)

// general are the addresses of a host, as a socket of no special mark, user or port is
// reached there.
type general map[localAt]*listen.Local

type localAt struct {
	prefix netip.Prefix
	link   int
}

func generalOf(locals []listen.Local) general {
	out := general{}
	for i := range locals {
		out[localAt{locals[i].Prefix, locals[i].Link}] = &locals[i]
	}
	return out
}

// has reports whether a socket is reached on some addresses as any other is.
func (g general) has(locals []listen.Local) bool {
	for i := range locals {
		l := &locals[i]
		o := g[localAt{l.Prefix, l.Link}]
		if o == nil || len(o.Views) != len(l.Views) || o.Self != l.Self || len(l.Views) > 0 && &o.Views[0] != &l.Views[0] {
			return false
		}
	}
	return true
}

// Written is the form that is written as JSON. It is the value itself or, in reports of
// many devices, a copy that has once what several sockets or classes have in common, and
// then refers to it.
func (l *Listeners) Written() *Listeners {
	if !l.large {
		return l
	}
	out := *l
	out.Exposed = l.Exposed.written()
	out.Sockets = make([]Listener, len(l.Sockets))
	first := map[*Exposed]int{}
	for i := range l.Sockets {
		s := l.Sockets[i]
		if at, ok := first[s.Exposed]; ok {
			s.SameAs, s.Exposed = &at, nil
		} else {
			first[s.Exposed] = i
			s.Exposed = s.Exposed.written()
		}
		out.Sockets[i] = s
	}
	return &out
}

// written is a copy in which the addresses of classes are given once.
func (x *Exposed) written() *Exposed {
	out := *x
	out.Classes = make([]ClientClass, len(x.Classes))
	first := map[*HostAddr]int{}
	for i := range x.Classes {
		c := x.Classes[i]
		if at, ok := first[&c.Addresses[0]]; ok {
			c.AddressesOf, c.Addresses = &at, nil
		} else {
			first[&c.Addresses[0]] = i
		}
		out.Classes[i] = c
	}
	if x.Classes == nil {
		out.Classes = nil
	}
	return &out
}

// UnmarshalJSON reads what is written, and replaces references by what they refer to.
func (l *Listeners) UnmarshalJSON(b []byte) error {
	type plain Listeners
	if err := json.Unmarshal(b, (*plain)(l)); err != nil {
		return err
	}
	if err := l.Exposed.resolve(); err != nil {
		return err
	}
	for i := range l.Sockets {
		s := &l.Sockets[i]
		if at := s.SameAs; at != nil {
			if *at < 0 || *at >= i || l.Sockets[*at].Exposed == nil {
				return errors.New("same_as refers to no socket before it")
			}
			s.SameAs, s.Exposed, l.large = nil, l.Sockets[*at].Exposed, true
			continue
		}
		if err := s.Exposed.resolve(); err != nil {
			return err
		}
		l.large = l.large || s.Exposed != nil && s.General
	}
	return nil
}

func (x *Exposed) resolve() error {
	if x == nil {
		return nil
	}
	for i := range x.Classes {
		c := &x.Classes[i]
		if at := c.AddressesOf; at != nil {
			if *at < 0 || *at >= i {
				return errors.New("addresses_of refers to no class before it")
			}
			c.AddressesOf, c.Addresses = nil, x.Classes[*at].Addresses
		}
	}
	return nil
}
