// Package special knows the addresses that a standard gives a meaning of their
// own, and where Linux differs from it.
//
// The table is that of IANA's registries of special-purpose addresses for IPv4
// and IPv6 (RFC 6890, as updated by RFC 8190), as of July 2026, with the
// multicast blocks, which are not in them, and a few that people meet. RFC 5735,
// which older texts cite, is obsolete: RFC 6890 took its place.
package special

import (
	"net/netip"
	"strings"
)

// Entry is a block of special addresses. The zero value is none.
type Entry struct {
	Prefix netip.Prefix
	// Name is the registry's.
	Name string
	// Phrase is what an administrator should know, in a few words that can
	// follow "ADDRESS is".
	Phrase string
	// Source and Destination say whether a packet between two hosts may have
	// such an address; Forward, whether a router may forward it; Global,
	// whether beyond an administrative domain.
	Source, Destination, Forward, Global Answer
	// Documents are those that say so.
	Documents []Document
	// Linux is where Linux differs; empty: it does not, or not in a way that
	// matters here.
	Linux string
}

// Document is a place in a standard.
type Document struct {
	Name string
	// Section is empty where the document is cited as a whole.
	Section string
}

// String cites the document: "RFC 1122, section 3.2.1.3".
func (d Document) String() string {
	if d.Section == "" {
		return d.Name
	}
	return d.Name + ", section " + d.Section
}

// Answer is a column of the registry.
type Answer uint8

// The answers.
const (
	NotSaid Answer = iota // the registry has none, or the block is not in it
	Yes
	No
)

// MarshalText gives "yes", "no", or nothing.
func (a Answer) MarshalText() ([]byte, error) {
	return []byte([...]string{"", "yes", "no"}[a]), nil
}

// Of finds the smallest block that an address is in; false: the address is an
// ordinary one. An IPv4-mapped IPv6 address is what it is mapped from.
func Of(a netip.Addr) (Entry, bool) {
	a = a.Unmap().WithZone("")
	rows := rows6
	if a.Is4() {
		rows = rows4
	}
	var best row
	bits := -1
	for _, r := range rows() {
		if p := netip.MustParsePrefix(r.prefix); p.Contains(a) && p.Bits() > bits {
			best, bits = r, p.Bits()
		}
	}
	if bits < 0 {
		return Entry{}, false
	}
	return best.entry(), true
}

// entry makes an entry of a row.
func (r *row) entry() Entry {
	e := Entry{Prefix: netip.MustParsePrefix(r.prefix), Name: r.name, Phrase: r.phrase, Linux: r.linux}
	for i, a := range []*Answer{&e.Source, &e.Destination, &e.Forward, &e.Global} {
		switch r.answers[i] {
		case 'y':
			*a = Yes
		case 'n':
			*a = No
		}
	}
	for d := range strings.SplitSeq(r.documents, ", ") {
		number, section, _ := strings.Cut(d, " ")
		e.Documents = append(e.Documents, Document{"RFC " + number, section})
	}
	return e
}
