package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// Expectation is a line that says where packets must go. It has a destination, the packet
// in the words of `ip route get`, and the expected result in the words of `ip route`.
type Expectation struct {
	// Text is the line without its comment, with one blank between two words.
	Text string
	// Subject is the part of the text that says which packets are meant.
	Subject string
	// Dst is the destination, masked. All of its addresses are meant. A prefix of length 0
	// means the default route: the expectation is about the packets that take it.
	Dst netip.Prefix

	// The packet: see [route.Flow]. Devices are names. The zero value of a field says
	// that it was not given.
	From          netip.Addr
	Iif, Oif, VRF string
	Mark          *uint32
	TOS           *uint8 // the whole octet
	UID           *uint32
	Proto         *uint8
	Sport, Dport  uint16

	Wanted Wanted
}

// Wanted is what is expected of a packet. Every field that is not zero must be true.
type Wanted struct {
	// Dev is the name of the device that the packet leaves by.
	Dev string
	// Via is the gateway of the packet.
	Via netip.Addr
	// Table is the name or the number of the table whose route decides.
	Table string
	// Src is a prefix. The source that the host chooses must be in it.
	Src netip.Prefix
	// Fate is what happens to the packet if it is not sent.
	Fate Fate
}

// Fate says what happens to a packet that is not sent. The zero value means that it
// is sent, or delivered.
type Fate string

// The fates.
const (
	FateRefused Fate = "refused" // a route, a rule or the kernel itself refuses it
	FateNone    Fate = "none"    // there is no route for it
	FateLocal   Fate = "local"   // it is delivered to this host
)

// ParseExpectation understands a line. It returns false if the line is empty or a
// comment. An error is a [*SyntaxError], whose places are places in the line.
func ParseExpectation(line string) (e Expectation, some bool, err error) {
	p := &expecting{args: args{text: line}}
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *SyntaxError:
			fault.Text = line
			err = fault
		default:
			panic(fault)
		}
	}()
	if len(line) > maxText {
		return e, false, &SyntaxError{Text: line, Place: Place{maxText, len(line)}, Message: fmt.Sprintf("the line has %d bytes, which is too long", len(line))}
	}
	p.words = words(line)
	if len(p.words) == 0 {
		return e, false, nil
	}
	p.run()
	return p.Expectation, true, nil
}

// words splits a line as [split] does. The line is not a command: it has no prompt and no
// program before it.
func words(line string) []word {
	s := &splitter{text: line, plain: true}
	for s.blank(); s.at < len(line) && line[s.at] != '#'; s.blank() {
		s.words = append(s.words, s.word())
	}
	return s.words
}

// expecting reads the words of an expectation.
type expecting struct {
	args
	Expectation

	isDefault bool
	family    route.Family // of the addresses so far; zero: there was none
	seen      []string     // keywords
}

// expectWords are the keywords, and packetWords are those about the packet.
const (
	packetWords = "from iif oif vrf mark tos uid ipproto sport dport"
	expectWords = packetWords + " dev via table src refused none local"
)

func (p *expecting) run() {
	p.Text = p.textOf(0)
	p.destination(p.take())
	p.Subject = p.textOf(0)
	for p.more() {
		from := p.at
		key := p.take()
		switch {
		case !slices.Contains(strings.Fields(expectWords), key):
			p.hint("the words are "+strings.Join(strings.Fields(expectWords), ", "), "%s is not understood", iproute2.Quote(key))
		case slices.Contains(p.seen, key):
			p.unknown("%s is there twice", key)
		}
		p.seen = append(p.seen, key)
		p.keyword(key)
		if slices.Contains(strings.Fields(packetWords), key) {
			p.Subject += " " + p.textOf(from)
		}
	}
	p.whole()
}

// textOf are the words from a given one to the next that is not taken yet. If no word
// is left, they are all the words from there.
func (p *expecting) textOf(from int) string {
	to := p.at
	if to == 0 {
		to = len(p.words)
	}
	var out []string
	for _, w := range p.words[from:to] {
		out = append(out, w.text)
	}
	return strings.Join(out, " ")
}

// hint ends with an error about a word that is not understood, and says what to do
// instead.
func (p *expecting) hint(hint, format string, operands ...any) {
	panic(&SyntaxError{Place: p.last(), Message: fmt.Sprintf(format, operands...), Hint: hint})
}

// after reads the value of a keyword.
func (p *expecting) after(key string) string {
	if !p.more() {
		panic(&SyntaxError{Place: Place{len(p.text), len(p.text)}, Message: "what is missing after " + key})
	}
	return p.take()
}

func (p *expecting) destination(w string) {
	if w == "default" {
		p.isDefault = true
		return
	}
	p.Dst = p.network(w, "no destination")
	p.family = route.FamilyOf(p.Dst.Addr())
}

func (p *expecting) keyword(key string) {
	switch key {
	case "from":
		p.From = p.address(p.after(key))
		p.learn(p.From)
	case "via":
		p.via()
	case "src":
		p.Wanted.Src = p.network(p.after(key), "no address and no prefix")
		p.learn(p.Wanted.Src.Addr())
	case "iif":
		p.Iif = p.deviceName(key)
	case "oif":
		p.Oif = p.deviceName(key)
	case "vrf":
		p.VRF = p.deviceName(key)
	case "dev":
		p.Wanted.Dev = p.deviceName(key)
	case "table":
		p.Wanted.Table = p.after(key)
		if p.Wanted.Table == "" {
			p.unknown("a table has a name or a number")
		}
	case "mark":
		p.Mark = new(uint32(p.number(key, 0, 1<<32-1)))
	case "uid":
		p.UID = new(uint32(p.number(key, 0, uint64(route.NoUID)-1)))
	case "sport":
		p.Sport = uint16(p.number(key, 1, 1<<16-1))
	case "dport":
		p.Dport = uint16(p.number(key, 1, 1<<16-1))
	case "tos":
		p.tos()
	case "ipproto":
		v := p.after(key)
		n, ok := iproute2.Proto(v)
		if !ok {
			p.unknown("%s is no protocol known here: give its number (0 to 255)", iproute2.Quote(v))
		}
		p.Proto = &n
	default:
		p.fate(Fate(key))
	}
}

func (p *expecting) fate(f Fate) {
	if p.Wanted.Fate != "" {
		p.unknown("%s and %s exclude each other", p.Wanted.Fate, f)
	}
	p.Wanted.Fate = f
}

// via reads [FAMILY] ADDRESS. The family is given if the gateway is of the other
// family.
func (p *expecting) via() {
	family, v := route.Family(0), p.after("via")
	switch v {
	case "inet":
		family, v = route.IPv4, p.after("via inet")
	case "inet6":
		family, v = route.IPv6, p.after("via inet6")
	}
	p.Wanted.Via = p.address(v)
	if family != 0 && route.FamilyOf(p.Wanted.Via) != family {
		p.unknown("%s is %s", v, route.FamilyOf(p.Wanted.Via))
	}
	if family == 0 && p.isDefault {
		p.learn(p.Wanted.Via)
	}
}

// learn takes the family of an address. The destination must have the same family.
func (p *expecting) learn(x netip.Addr) {
	f := route.FamilyOf(x)
	if p.family == 0 {
		p.family = f
	}
	if f != p.family {
		p.unknown("%s is %s, and what stands before it is %s", x, f, p.family)
	}
}

// tos reads a TOS octet or its name. ip reads every number as hexadecimal.
func (p *expecting) tos() {
	v := p.after("tos")
	n, ok := dsfield(v)
	if !ok {
		p.unknown("%s is no TOS: a name such as ef, or a number such as 0xb8", iproute2.Quote(v))
	}
	if strings.Trim(v, "0123456789") == "" {
		p.hint(fmt.Sprintf("tos %#x", n), "tos %s is hexadecimal to ip, and decimal to others", v)
	}
	p.TOS = &n
}

func (p *expecting) deviceName(key string) string {
	v := p.after(key)
	if v == "" || v == "." || v == ".." || len(v) >= 128 || strings.ContainsAny(v, "/: \t\n\v\f\r") {
		p.unknown("%s cannot be a device name", iproute2.Quote(v))
	}
	return v
}

// number reads a decimal or 0x hexadecimal number.
func (p *expecting) number(key string, least, most uint64) uint64 {
	v := p.after(key)
	if digits := strings.TrimLeft(v, "0"); len(v) > 1 && v[0] == '0' && strings.Trim(digits, "0123456789") == "" {
		p.unknown("%s begins with a zero, which ip takes for octal", iproute2.Quote(v))
	}
	n, ok := number(v, 64)
	switch {
	case key == "mark" && strings.Contains(v, "/"):
		p.unknown("%s has a mask, as rules have; a packet has a mark alone", iproute2.Quote(v))
	case !ok || v[0] < '0' || v[0] > '9':
		p.unknown("%s is not a number (decimal or 0x hex)", iproute2.Quote(v))
	case n < least || n > most:
		p.unknown("%s is out of range (%d to %d)", v, least, most)
	}
	return n
}

// address reads an address that has only one possible meaning.
func (p *expecting) address(v string) netip.Addr {
	x, err := netip.ParseAddr(v)
	switch {
	case err == nil && x.Zone() != "":
		p.hint("oif "+x.Zone()+" says which device the packet's socket is bound to", "%s has a zone", iproute2.Quote(v))
	case err == nil:
		return x
	}
	if n, err := netip.ParsePrefix(v); err == nil {
		p.hint(n.Addr().String(), "%s is a prefix, and an address is expected", iproute2.Quote(v))
	}
	if x, ok := parseAddr(v, 0); ok {
		p.hint(x.String(), "%s is no address in full; ip makes %s of it", iproute2.Quote(v), x)
	}
	p.unknown("%s is no address", iproute2.Quote(v))
	return x
}

// network reads a prefix. An address means the prefix that has only this address.
func (p *expecting) network(v, what string) netip.Prefix {
	if !strings.Contains(v, "/") {
		if _, err := netip.ParseAddr(v); err != nil {
			if _, ok := parseAddr(v, 0); !ok {
				p.hint("a prefix, an address or default", "%s is %s", iproute2.Quote(v), what)
			}
		}
		x := p.address(v)
		return netip.PrefixFrom(x, x.BitLen())
	}
	n, err := netip.ParsePrefix(v)
	if err != nil {
		if in, ok := parsePrefix(v, 0); ok {
			p.hint(in.prefix.Masked().String(), "%s is no prefix in full; ip makes %s of it", iproute2.Quote(v), in.prefix.Masked())
		}
		p.unknown("%s is no prefix", iproute2.Quote(v))
	}
	if n != n.Masked() {
		p.hint(n.Masked().String(), "%s has bits after its length of %s", iproute2.Quote(v), strconv.Itoa(n.Bits()))
	}
	return n
}

// whole checks all words together.
func (p *expecting) whole() {
	if p.isDefault {
		if p.family == 0 {
			p.family = route.IPv4
		}
		p.Dst = p.family.Default()
	}
	w := &p.Wanted
	goes := w.Dev != "" || w.Via.IsValid() || w.Table != "" || w.Src.IsValid()
	all := Place{0, len(p.text)}
	if n := len(p.words); n > 0 {
		all = Place{p.words[0].Start, p.words[n-1].End}
	}
	fault := ""
	switch {
	case !goes && w.Fate == "":
		panic(&SyntaxError{Place: Place{all.End, all.End}, Message: "what is expected is missing", Hint: "dev DEVICE, via GATEWAY, table TABLE, src PREFIX, refused, none or local"})
	case w.Fate == FateNone && goes:
		fault = "none says that there is no route, and the line says more of it"
	case w.Fate == FateRefused && (w.Dev != "" || w.Via.IsValid() || w.Src.IsValid()):
		fault = "what is refused goes nowhere, and the line says where it goes"
	case w.Fate == FateLocal && w.Via.IsValid():
		fault = "what is delivered to this host has no gateway"
	case w.Src.IsValid() && p.From.IsValid():
		fault = "from gives the packet its source, so that the host chooses none (src)"
	case w.Src.IsValid() && p.Iif != "":
		fault = "a packet that comes in (iif) has a source, so that the host chooses none (src)"
	case p.Iif != "" && (p.Oif != "" || p.VRF != "" || p.UID != nil):
		fault = "a packet that comes in (iif) has no socket here, which oif, vrf and uid are about"
	case p.Oif != "" && p.VRF != "":
		fault = "oif and vrf exclude each other"
	}
	if fault != "" {
		panic(&SyntaxError{Place: all, Message: fault})
	}
}
