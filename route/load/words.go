package load

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// words are the rest of a line, taken one by one.
type words struct {
	rest []string
	err  error
}

func (w *words) more() bool { return len(w.rest) > 0 && w.err == nil }

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
