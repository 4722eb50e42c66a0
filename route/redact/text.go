package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"routewhy/route"
)

// names is about the names that people give to devices and tables. It has patterns for
// what such names may contain, and the names that were replaced.
type names struct {
	dotted, colons, hardware, digits *regexp.Regexp

	devices map[string]bool   // the names of the devices that exist
	fresh   map[string]string // new names by old names
	taken   map[string]bool
	// groups are the pairs of octets, as numbers, that occur in the addresses of this
	// host and its neighbours.
	groups map[uint16]bool
}

func newNames() names {
	return names{
		dotted:   regexp.MustCompile(`\d{1,3}(?:[._-]\d{1,3}){3}`),
		colons:   regexp.MustCompile(`[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}`),
		hardware: regexp.MustCompile(`x[0-9a-f]{12}$|(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}`),
		digits:   regexp.MustCompile(`[0-9A-Fa-f]+(?:[._:-]+[0-9A-Fa-f]+)*`),
		devices:  map[string]bool{}, fresh: map[string]string{}, taken: map[string]bool{}, groups: map[uint16]bool{},
	}
}

// learn remembers what must be known before a snapshot's names are replaced: which names
// and which addresses there are.
func (m *Mapping) learn(s *route.Snapshot, routes *route.List) {
	m.numbers.learn(s)
	for i := range s.Links {
		name := s.Links[i].Name
		m.names.devices[name], m.names.taken[name] = true, true
		m.learnAddr(s.Links[i].Local)
		m.learnAddr(s.Links[i].Remote)
		m.learnAddr(s.Links[i].LinkLocal)
		if m.strict && name != "lo" {
			m.names.fresh[name] = fmt.Sprintf("dev%d", m.index(s.Links[i].Index))
		}
	}
	for i := range s.Addrs {
		m.learnAddr(s.Addrs[i].Prefix.Addr())
		m.learnAddr(s.Addrs[i].Peer.Addr())
	}
	for i := range s.Learnt {
		m.learnAddr(s.Learnt[i].Dst)
		m.learnAddr(s.Learnt[i].Gateway)
	}
	for i := range s.WireGuard {
		for _, e := range s.WireGuard[i].Endpoints {
			m.learnAddr(e.Addr())
		}
	}
	for i := range s.Memberships {
		for _, group := range s.Memberships[i].Groups {
			m.learnAddr(group)
		}
	}
	for i := range s.Rules {
		m.learnAddr(s.Rules[i].Selector.Src.Addr())
		m.learnAddr(s.Rules[i].Selector.Dst.Addr())
	}
	for i := range s.Neighbours {
		m.learnAddr(s.Neighbours[i].Addr)
	}
	kinds := s.Routes
	if routes != nil {
		kinds = routes.Kinds()
	}
	for i := range kinds {
		m.learnAddr(kinds[i].PrefSrc)
		for _, h := range kinds[i].NextHops {
			m.learnAddr(h.Gateway)
		}
	}
}

// learnAddr remembers the pairs of octets of an address that is replaced.
func (m *Mapping) learnAddr(a netip.Addr) {
	if m.strict || !a.IsValid() || m.Addr(a) == a {
		return
	}
	b := a.AsSlice()
	for i := 0; i < len(b); i += 2 {
		if b[i] != 0 { // small numbers occur in many names
			m.names.groups[uint16(b[i])<<8|uint16(b[i+1])] = true
		}
	}
}

// device replaces the name of a device if it contains a part of an address. A strict
// mapping replaces the name of every device except lo.
func (m *Mapping) device(name string) string {
	if !m.strict || name == "" || name == "lo" {
		return m.name(name)
	}
	fresh, ok := m.names.fresh[name]
	if !ok { // no device has it
		fresh = fmt.Sprintf("gone%d", len(m.names.fresh))
		m.names.fresh[name] = fresh
	}
	return fresh
}

// name replaces what may be a part of an address in a name. Names that are different
// stay different.
func (m *Mapping) name(old string) string {
	if fresh, ok := m.names.fresh[old]; ok {
		return fresh
	}
	fresh := m.text(old)
	for n := 1; fresh != old && m.names.taken[fresh]; n++ {
		fresh = m.scramble(old, n)
	}
	m.names.fresh[old], m.names.taken[fresh] = fresh, true
	return fresh
}

// text replaces the addresses in a text. IP addresses are replaced as [Mapping.Addr] does.
// The addresses of network cards (enx001122334455), and digits that may be a part of
// either kind of address, are replaced by other digits.
func (m *Mapping) text(s string) string {
	s = m.names.hardware.ReplaceAllStringFunc(s, func(old string) string { return m.scramble(old, 0) })
	return replaceEach(s, m.names.dotted, m.dotted, func(s string) string {
		return replaceEach(s, m.names.colons, m.colons, func(s string) string {
			return m.names.digits.ReplaceAllStringFunc(s, m.part)
		})
	})
}

// replaceEach replaces the matches of a pattern with found, and the text between them
// with between. A match that found cannot replace is treated as text between matches.
func replaceEach(s string, pattern *regexp.Regexp, found func(string) (string, bool), between func(string) string) string {
	var b strings.Builder
	done := 0
	for _, at := range pattern.FindAllStringIndex(s, -1) {
		if fresh, ok := found(s[at[0]:at[1]]); ok {
			b.WriteString(between(s[done:at[0]]) + fresh)
			done = at[1]
		}
	}
	return b.String() + between(s[done:])
}

func (m *Mapping) dotted(old string) (string, bool) {
	a, err := netip.ParseAddr(strings.NewReplacer("_", ".", "-", ".").Replace(old))
	if err != nil {
		return "", false
	}
	separator := old[strings.IndexAny(old, "._-")]
	return strings.ReplaceAll(m.Addr(a).String(), ".", string(separator)), true
}

func (m *Mapping) colons(old string) (string, bool) {
	a, err := netip.ParseAddr(old)
	return m.Addr(a).String(), err == nil
}

// part replaces digits that may be a part of an address: hexadecimal digits, or groups of
// hexadecimal or decimal digits.
func (m *Mapping) part(old string) string {
	groups := strings.FieldsFunc(old, isSeparator)
	for i, g := range groups {
		if m.telling(g) || i > 0 && m.octets(groups[i-1], g) {
			return m.scramble(old, 0)
		}
	}
	if !strings.Contains(old, ".") && (globalUnicast(groups) || m.network(groups)) {
		return m.scramble(old, 0)
	}
	return old
}

func isSeparator(r rune) bool { return strings.ContainsRune("._:-", r) }

// telling reports whether one group of digits may show an address: it has many digits, or
// it contains digits of an address in this snapshot.
func (m *Mapping) telling(g string) bool {
	if len(g) >= 8 || len(g) >= 6 && strings.ContainsAny(g, "0123456789") {
		return true
	}
	if len(g) == 3 {
		g = "0" + g
	}
	for i := 0; i+4 <= len(g); i++ {
		if n, err := strconv.ParseUint(g[i:i+4], 16, 16); err == nil && m.names.groups[uint16(n)] {
			return true
		}
	}
	return false
}

// octets reports whether two groups, decimal or hexadecimal, are two octets of an address
// in this snapshot.
func (m *Mapping) octets(a, b string) bool {
	return m.pair(a, b, 10) || len(a) == 2 && len(b) == 2 && m.pair(a, b, 16)
}

func (m *Mapping) pair(a, b string, base int) bool {
	x, errX := strconv.ParseUint(a, base, 8)
	y, errY := strconv.ParseUint(b, base, 8)
	return errX == nil && errY == nil && m.names.groups[uint16(x)<<8|uint16(y)]
}

// globalUnicast reports whether groups begin like an address in 2000::/3.
func globalUnicast(groups []string) bool {
	return len(groups) > 1 && len(groups[0]) == 4 && (groups[0][0] == '2' || groups[0][0] == '3')
}

// network reports whether there are three groups, and they are the first octets of an
// address that is replaced.
func (m *Mapping) network(groups []string) bool {
	if len(groups) != 3 {
		return false
	}
	a, err := netip.ParseAddr(strings.Join(groups, ".") + ".0")
	return err == nil && m.bits(a, 24) != a
}

// scramble replaces the digits in a text. If the text has hexadecimal digits, the new
// digits are hexadecimal too. Another value of try gives other digits.
func (m *Mapping) scramble(old string, try int) string {
	h := hmac.New(sha256.New, m.key)
	fmt.Fprintf(h, "%d %s", try, old)
	fresh := hex.EncodeToString(h.Sum(nil))
	decimal := !strings.ContainsAny(old, "abcdefABCDEF")
	var b strings.Builder
	for i, c := range old {
		digit := fresh[i%len(fresh)]
		switch {
		case !strings.ContainsRune("0123456789abcdefABCDEF", c):
			b.WriteRune(c)
		case decimal:
			b.WriteByte('0' + digit%10)
		default:
			b.WriteByte(digit)
		}
	}
	return b.String()
}
