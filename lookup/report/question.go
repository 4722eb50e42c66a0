package report

import (
	"net/netip"
	"strconv"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// Question is a question about some destinations.
type Question struct {
	// To are the destinations, in the order of their answers.
	To []Destination
	// Packet is what is given of the packets beside their destinations.
	Packet Packet
	// User is who sends the packets if Packet.UID does not say so.
	User uint32
	// Reply asks for the way back as well. No destination is a prefix then.
	Reply bool
	// NoKernel says that the kernel is not to be asked for its own answers.
	NoKernel bool
	// Detail asks for what is costly to find: [Explanation.Bits].
	Detail bool
	// Holds reports whether a process has a TUN or TAP device open; nil: that is not known.
	Holds func(pid int, dev string) bool
}

// Destination is where packets go, or a route entry.
type Destination struct {
	// Prefix is the destination of the entry that is asked about, masked. The zero
	// value: the question is about a packet, and the other fields say which.
	Prefix netip.Prefix
	// Addr has no zone. Zone is the device of a link-local address, by its name or its
	// index; empty: none.
	Addr netip.Addr
	Zone string
	// Port asks about a connection, of TCP if [Packet.Proto] does not say otherwise;
	// zero: about a packet.
	Port uint16
	// Host is the name that the address was found by; empty: none.
	Host string
	// Remarks are findings, for the answer, about how the destination was written.
	Remarks []Finding
}

// Packet is what is known of a packet. The zero value of each field says that it was not
// given.
type Packet struct {
	From          netip.Addr // has no zone
	Iif, Oif, VRF string     // devices by their names
	Mark          *uint32
	TOS           *uint8 // the whole octet
	UID           *uint32
	Proto         *uint8
	Sport, Dport  uint16
	FlowLabel     *uint32
}

// DeviceError says that a question names a device that the host does not have, or, by
// --vrf, one that is no VRF.
type DeviceError struct {
	// Field is the field of the packet that names it; empty: the zone of Destination.
	Field       lookup.Field
	Destination Destination
	Name        string
	// NotVRF says that the device is there.
	NotVRF bool
	// Table says that a table has the name.
	Table bool
	// Devices are the names of the devices that are there.
	Devices []string
}

func (e *DeviceError) Error() string {
	if e.NotVRF {
		return e.Name + " is not a VRF device"
	}
	return "there is no device " + e.Name
}

// devices are the names of a host's devices.
func devices(s *route.Snapshot) []string {
	var out []string
	for i := range s.Links {
		out = append(out, s.Links[i].Name)
	}
	return out
}

// String is the plainest way to write the destination: a prefix, an address with its
// zone, or either with a port.
func (d *Destination) String() string {
	addr := d.Addr.WithZone(d.Zone)
	switch {
	case d.isPrefix():
		return d.Prefix.String()
	case d.Port == 0:
		return addr.String()
	}
	return netip.AddrPortFrom(addr, d.Port).String()
}

// KeepMapped keeps an IPv4-mapped IPv6 address as an IPv6 address, as `ip route get` does.
func (d *Destination) KeepMapped() {
	if has(d.Remarks, RemarkMapped) {
		d.Addr, d.Remarks = netip.AddrFrom16(d.Addr.As16()), nil
	}
}

// Family is the destination's.
func (d *Destination) Family() route.Family {
	if d.isPrefix() {
		return route.FamilyOf(d.Prefix.Addr())
	}
	return route.FamilyOf(d.Addr)
}

func (d *Destination) isPrefix() bool { return d.Prefix.IsValid() }

// label is how the destination is named in an answer.
func (d *Destination) label() string {
	if d.Host != "" {
		return d.Host + " (" + d.String() + ")"
	}
	return d.String()
}

// Concerns reports whether the routes of a prefix matter for the destination: they cover
// it or, if it is a prefix itself, are inside it.
func (d *Destination) Concerns(dst netip.Prefix) bool {
	if d.isPrefix() {
		return dst.Overlaps(d.Prefix)
	}
	return dst.Contains(d.Addr) || d.Port != 0 && d.Addr.IsUnspecified() && dst.Contains(listen.Loopback(d.Addr))
}

// connects is the destination that the packet really has: a program that connects to
// [::]:80 connects to [::1]:80.
func (d Destination) connects(p *Packet) Destination {
	if to := listen.Connects(d.Addr); d.Port != 0 && p.Iif == "" && to != d.Addr {
		d.Remarks = append(d.Remarks[:len(d.Remarks):len(d.Remarks)], NewRemark(RemarkConnect, d.Addr.String(), to.String()))
		d.Addr = to
	}
	return d
}

// to is the packet that goes to a destination: a port makes it TCP unless a protocol was
// given, and a zone names the output device.
func (p Packet) to(d *Destination) Packet {
	if d.Zone != "" {
		p.Oif = d.Zone
	}
	if d.Port != 0 {
		p.Dport = d.Port
		if p.Proto == nil {
			p.Proto = new(route.ProtoTCP)
		}
	}
	return p
}

// Given are the fields that are known.
func (p *Packet) Given() []lookup.Field {
	var out []lookup.Field
	for _, f := range []struct {
		name  lookup.Field
		given bool
	}{
		{lookup.FieldFrom, p.From.IsValid()}, {lookup.FieldIif, p.Iif != ""}, {lookup.FieldOif, p.Oif != ""}, {lookup.FieldVRF, p.VRF != ""},
		{lookup.FieldMark, p.Mark != nil}, {lookup.FieldTOS, p.TOS != nil}, {lookup.FieldUID, p.UID != nil}, {lookup.FieldProto, p.Proto != nil},
		{lookup.FieldSport, p.Sport != 0}, {lookup.FieldDport, p.Dport != 0}, {lookup.FieldFlowLabel, p.FlowLabel != nil},
	} {
		if f.given {
			out = append(out, f.name)
		}
	}
	return out
}

// fields are the properties that what is known settles.
func (p *Packet) fields() map[lookup.Field]bool {
	out := map[lookup.Field]bool{}
	for _, f := range p.Given() {
		out[f] = true
	}
	if p.VRF != "" {
		out[lookup.FieldOif] = true
	}
	if p.Iif != "" { // a received packet has a source, and no socket is bound
		out[lookup.FieldFrom], out[lookup.FieldOif] = true, true
	}
	return out
}

// replyFields are the properties of the answer that what is known settles.
func (p *Packet) replyFields(comesIn bool) map[lookup.Field]bool {
	return map[lookup.Field]bool{
		lookup.FieldFrom: true, lookup.FieldOif: true, lookup.FieldUID: comesIn || p.UID != nil,
		lookup.FieldMark: p.Mark != nil, lookup.FieldTOS: p.TOS != nil, lookup.FieldProto: p.Proto != nil,
		lookup.FieldSport: p.Dport != 0, lookup.FieldDport: p.Sport != 0,
	}
}

// devices are those that the packet names, whose settings matter.
func (p *Packet) devices() []string {
	var out []string
	for _, d := range []string{p.Iif, p.Oif, p.VRF} {
		if d != "" {
			out = append(out, d)
		}
	}
	return out
}

// valueOf is what a field says; zero: it was not given.
func valueOf[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// protoOf is the protocol of a packet: the given one, or the one that the kernel assumes
// for `ip route get`.
func (p *Packet) protoOf(dst netip.Addr) uint8 {
	if p.Proto == nil && dst.Is4() {
		return route.ProtoUDP
	}
	return valueOf(p.Proto)
}

// flow is the packet that goes to a destination, on a host.
func (q *Question) flow(s *route.Snapshot, d *Destination, p *Packet) (route.Flow, error) {
	f := route.Flow{
		Dst: d.Addr, Src: p.From, Mark: valueOf(p.Mark), TOS: valueOf(p.TOS), Proto: p.protoOf(d.Addr),
		SrcPort: p.Sport, DstPort: p.Dport, FlowLabel: valueOf(p.FlowLabel), UID: q.User,
	}
	if p.UID != nil {
		f.UID = *p.UID
	}
	var err error
	if f.In, err = deviceOf(s, d, lookup.FieldIif, p.Iif); err != nil {
		return f, err
	}
	field, name := lookup.FieldOif, p.Oif
	if d.Zone != "" {
		field = ""
	}
	if p.VRF != "" {
		field, name = lookup.FieldVRF, p.VRF
		if l := s.LinkByName(name); l != nil && l.Kind != "vrf" {
			return f, &DeviceError{Field: field, Name: name, NotVRF: true}
		}
	}
	f.Out, err = deviceOf(s, d, field, name)
	return f, err
}

// deviceOf finds a device by its name or, as a zone may give it, by its index.
func deviceOf(s *route.Snapshot, d *Destination, field lookup.Field, name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	if l := s.LinkByName(name); l != nil {
		return l.Index, nil
	}
	if n, err := strconv.Atoi(name); err == nil && s.Link(n) != nil {
		return n, nil
	}
	return 0, &DeviceError{Field: field, Destination: *d, Name: name, Devices: devices(s)}
}
