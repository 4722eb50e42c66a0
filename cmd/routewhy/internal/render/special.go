package render

import (
	"fmt"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/special"
)

// specialNote puts a note about a special address into words; empty: it is not
// one.
func specialNote(n *lookup.Note) string {
	a, ok := n.Have.(netip.Addr)
	if !ok {
		return ""
	}
	e, _ := special.Of(a)
	text := fmt.Sprintf("%s is %s (%s)", a, e.Phrase, e.Documents[0])
	switch {
	case n.Code == lookup.NoteSpecialSrc:
		return "the source " + text
	case n.Code != lookup.NoteSpecialDst:
		return ""
	case e.Linux != "":
		text += "; for Linux: " + e.Linux
	}
	return text
}
