package load

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"routewhy/route"
)

// words are the rest of a line, taken one by one.
type words struct {
	rest []string
	err  error
	// soft is the first value that was not readable, while its word was understood;
	// what follows is read all the same. colons: it had some, as an IPv6 address has.
	soft   error
	colons bool
}

// unread notes a value that is not readable.
func (w *words) unread(value string) {
	if w.soft == nil {
		w.soft = unreadable([]string{value})
	}
	w.colons = w.colons || strings.Contains(value, ":")
}

func (w *words) more() bool { return len(w.rest) > 0 && w.err == nil }

// peek is the next word; empty: there is none.
func (w *words) peek() string {
	if len(w.rest) == 0 {
		return ""
	}
	return w.rest[0]
}

// next takes a word; one that must be there.
func (w *words) next() string {
	if len(w.rest) == 0 {
		w.fail(errors.New("it ends in the middle"))
		return ""
	}
	s := w.rest[0]
	w.rest = w.rest[1:]
	return s
}

// skip takes the next word if it is that one.
func (w *words) skip(word string) bool {
	if w.peek() != word {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

func (w *words) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// number takes a number, decimal or 0x hex.
func (w *words) number(bits int) uint64 {
	s := w.next()
	n, err := number(s, bits)
	if err != nil {
		w.fail(err)
	}
	return n
}

// number reads what iproute2 prints: decimal, or hex with 0x.
func number(s string, bits int) (uint64, error) {
	base := 10
	digits := s
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

func (w *words) addr() netip.Addr {
	a, err := parseAddr(w.next())
	if err != nil {
		w.fail(err)
	}
	return a
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is no address", s)
	}
	return a, nil
}

// masked takes VALUE or VALUE/MASK.
func (w *words) masked(bits int) (value, mask uint32) {
	text, maskText, has := strings.Cut(w.next(), "/")
	v, err := number(text, bits)
	m := uint64(1)<<bits - 1
	if has && err == nil {
		m, err = number(maskText, bits)
	}
	if err != nil {
		w.fail(err)
	}
	return uint32(v), uint32(m)
}

// seconds takes "86400sec" or "forever".
func (w *words) seconds() time.Duration {
	d, err := parseSeconds(w.next())
	if err != nil {
		w.fail(err)
	}
	return d
}

func parseSeconds(s string) (time.Duration, error) {
	if s == "forever" {
		return route.ForeverLft, nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "sec"), 10, 33)
	if err != nil {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return time.Duration(n) * time.Second, nil
}

func scope(s string) (route.Scope, error) {
	var v route.Scope
	if s == "universe" {
		return v, nil
	}
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return v, fmt.Errorf("scope %q", s)
	}
	return v, nil
}

// realms are two realms, FROM/TO, or one, as RTA_FLOW and FRA_FLOW have them.
func (w *words) realms() uint32 {
	from, to, two := strings.Cut(w.next(), "/")
	if !two {
		from, to = "", from
	}
	return realm(from)<<16 | realm(to)&0xffff
}

// realm is one by its number, and 1 for one by a name, which is not known here: any
// that is not zero does the same to a decision. Empty: none.
func realm(s string) uint32 {
	if n, err := strconv.ParseUint(s, 0, 32); err == nil || s == "" || s == "null" {
		return uint32(n)
	}
	return 1
}
