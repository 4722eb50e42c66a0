package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// A line of --batch may be one of three things: a destination; a destination and more
// fields of the packet, each written NAME=VALUE with the name of the flag; or the
// same as a JSON object, such as the query of a --json answer.

// plain is the address of a line that has only an address. Most lines are like that,
// so this is the fast case.
func (b *batcher) plain(text string) (netip.Addr, bool) {
	if text == "" || !('0' <= text[0] && text[0] <= '9' || 'a' <= text[0] && text[0] <= 'f' || text[0] == ':') {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4In6() || !b.familyFits(a) {
		return netip.Addr{}, false
	}
	return a, true
}

func (b *batcher) familyFits(a netip.Addr) bool {
	return b.family == 0 || route.FamilyOf(a) == b.family
}

// asked answers a line that has more than an address.
func (b *batcher) asked(text string) error {
	p := b.packet
	words := strings.Fields(text)
	var err error
	dst := words[0]
	if text[0] == '{' {
		dst, err = p.fromJSON(text)
	} else {
		err = p.fromWords(words[1:])
	}
	if err != nil {
		return err
	}
	d, err := b.batchDestination(dst)
	if err != nil {
		return err
	}
	line := &options{packet: p, destinations: []destination{d}}
	if err := line.checkPacket(p.claims()); err != nil {
		return errors.New(err.Error())
	}
	to, known := d.value(), p.known()
	answer, err := b.read.Answer(&to, &known)
	if err != nil {
		return deviceFault(err)
	}
	b.status = max(b.status, int(answer.Status()))
	b.add(answer)
	return nil
}

// batchDestination understands the destination of a line. It must be one packet's
// destination.
func (b *batcher) batchDestination(s string) (destination, error) {
	if dst, ok := strings.CutSuffix(s, "/32"); ok && !strings.Contains(dst, ":") {
		s = dst
	} else if dst, ok := strings.CutSuffix(s, "/128"); ok {
		s = dst
	}
	d, err := parseDestination(s)
	switch {
	case err != nil:
		return d, errors.New(err.Error())
	case d.kind == kindHost:
		return d, fmt.Errorf("%s is a name; --batch takes addresses and resolves nothing", iproute2.Quote(s))
	case d.kind != kindAddress && d.kind != kindZero:
		return d, fmt.Errorf("%s is a route entry; --batch takes addresses", iproute2.Quote(s))
	case !b.familyFits(d.addr):
		return d, fmt.Errorf("%s is not %s", d, familyName(b.family))
	}
	return d, nil
}

// batchedDestination is the address that a line is about. It is for a line that has
// no answer, and finds the address only if the line shows it.
func batchedDestination(text string) netip.Prefix {
	dst := strings.Fields(text)[0]
	if text[0] == '{' {
		var fields struct{ Dst string }
		_ = json.Unmarshal([]byte(text), &fields) // what cannot be read has no destination
		dst = fields.Dst
	}
	if p, err := netip.ParsePrefix(dst); err == nil && p.IsSingleIP() {
		return p
	}
	a, err := netip.ParseAddr(dst)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

func familyName(f route.Family) string {
	if f == route.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// fromWords reads fields like from=192.0.2.2.
func (p *packet) fromWords(words []string) error {
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%s is not NAME=VALUE", iproute2.Quote(w))
		}
		if err := p.setField(name, value); err != nil {
			return err
		}
	}
	return nil
}

// setField sets a property of the packet by the name of its flag.
func (p *packet) setField(name, value string) error {
	for _, f := range p.flags() {
		if f.name != name {
			continue
		}
		if err := f.set(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("%s is no field of a packet", iproute2.Quote(name))
}

// fromJSON reads an object of fields, and returns its dst.
func (p *packet) fromJSON(text string) (string, error) {
	fields := map[string]any{}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return "", fmt.Errorf("not a JSON object: %w", err)
	}
	if dec.More() {
		return "", errors.New("more than one JSON value")
	}
	dst, ok := fields["dst"].(string)
	if !ok {
		return "", errors.New(`no "dst" with an address`)
	}
	delete(fields, "dst")
	for _, f := range p.flags() {
		value, given := fields[f.name]
		if !given {
			continue
		}
		delete(fields, f.name)
		switch value.(type) {
		case string, json.Number:
		default:
			return "", fmt.Errorf("%s is neither text nor a number", f.name)
		}
		if err := p.setField(f.name, fmt.Sprint(value)); err != nil {
			return "", err
		}
	}
	for name := range fields {
		return "", fmt.Errorf("%s is no field of a packet", iproute2.Quote(name))
	}
	return dst, nil
}
