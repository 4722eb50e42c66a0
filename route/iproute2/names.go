package iproute2

import (
	"strconv"
	"strings"
	"unicode"
)

// Safe makes a name safe for a terminal. Characters that are not printable are
// replaced by escapes such as \x1b.
func Safe(name string) string {
	if !strings.ContainsFunc(name, unprintable) {
		return name
	}
	q := strconv.QuoteToASCII(name)
	return q[1 : len(q)-1]
}

// Quote puts text from outside in quotes and makes it safe to print. The end of a very long
// text is left out.
func Quote(s string) string {
	const most = 100
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
