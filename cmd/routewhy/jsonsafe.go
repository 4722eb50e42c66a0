package main

import (
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonSafe is a writer of JSON that escapes characters that a terminal may obey or
// not show: C1 controls, marks that change the direction of text, and characters
// without a width. In JSON, characters outside ASCII occur only in the text of
// strings.
type jsonSafe struct {
	w    io.Writer
	held []byte // the beginning of a character whose end has not come yet
}

func (j *jsonSafe) Write(b []byte) (int, error) {
	if len(j.held) == 0 && plainASCII(b) {
		return j.w.Write(b)
	}
	in := slices.Concat(j.held, b)
	j.held = nil
	out := make([]byte, 0, len(in)+16)
	for len(in) > 0 {
		if in[0] < 0x7f {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		if !utf8.FullRune(in) {
			j.held = append(j.held, in...)
			break
		}
		r, n := utf8.DecodeRune(in)
		if hidden(r) {
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		} else {
			out = append(out, in[:n]...)
		}
		in = in[n:]
	}
	if _, err := j.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func plainASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x7f {
			return false
		}
	}
	return true
}

// hidden reports whether a character has no visible form.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r != utf8.RuneError && !unicode.IsPrint(r) && r > 0x7f
}
