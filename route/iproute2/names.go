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

// Quote is text from outside, in quotes and safe to print; the end of a very long one is
// left out.
func Quote(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
