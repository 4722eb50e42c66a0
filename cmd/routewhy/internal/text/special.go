package text

import (
	"fmt"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/special"
)

// specialFinding puts a finding about a special address into words; empty: the
// finding is about something else.
func specialFinding(n *report.Finding) string {
	if n.Code != lookup.NoteSpecialDst && n.Code != lookup.NoteSpecialSrc {
		return ""
	}
	a, err := netip.ParseAddr(n.Have.String())
	if err != nil {
		return ""
	}
	e, _ := special.Of(a)
	if a.IsLoopback() && n.Code == lookup.NoteSpecialDst {
		return loopbackWords(a.String())
	}
	text := fmt.Sprintf("%s is %s (%s)", a, e.Phrase, e.Documents[0])
	switch {
	case n.Code == lookup.NoteSpecialSrc:
		if a.IsPrivate() {
			return "the source " + text + ": answers come only where a router translates it (NAT66)"
		}
		return "the source " + text
	case e.Linux != "":
		text += "; for Linux: " + e.Linux
	}
	return text
}

// loopbackWords says what a loopback address or prefix is.
func loopbackWords(what string) string {
	if strings.Contains(what, ":") {
		return what + " is loopback: it never leaves a host, and nothing comes in to it from outside (RFC 4291, section 2.5.3)"
	}
	return what + " is loopback: all of 127.0.0.0/8 is this host itself, never leaves it, and is dropped where it comes in from outside (RFC 1122, section 3.2.1.3 (g); RFC 6890), unless route_localnet is on"
}
