package iproute2

import (
	"strconv"
	"strings"
	"unicode"
)

// Safe makes a name fit for a terminal: what is not printable is shown as an
// escape such as \x1b, never sent.
func Safe(name string) string {
	if !strings.ContainsFunc(name, unprintable) {
		return name
	}
	q := strconv.QuoteToASCII(name)
	return q[1 : len(q)-1]
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
