package iproute2

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"routewhy/route"
)

// Addr is an address as `ip -j -d addr show` writes it. An empty field was not given.
type Addr struct {
	Family       string   `json:"family"`
	Local        string   `json:"local,omitempty"`
	Peer         string   `json:"address,omitempty"`
	PrefixLen    int      `json:"prefixlen"` // of the peer, if there is one
	Metric       uint32   `json:"metric,omitempty"`
	Broadcast    string   `json:"broadcast,omitempty"`
	Anycast      string   `json:"anycast,omitempty"`
	Scope        Text     `json:"scope,omitempty"`
	Secondary    Mark     `json:"secondary,omitempty"`
	Temporary    Mark     `json:"temporary,omitempty"`
	NoDAD        Mark     `json:"nodad,omitempty"`
	Optimistic   Mark     `json:"optimistic,omitempty"`
	DADFailed    Mark     `json:"dadfailed,omitempty"`
	Home         Mark     `json:"home,omitempty"`
	Deprecated   Mark     `json:"deprecated,omitempty"`
	Tentative    Mark     `json:"tentative,omitempty"`
	Dynamic      Mark     `json:"dynamic,omitempty"`
	ManageTemp   Mark     `json:"mngtmpaddr,omitempty"`
	NoPrefix     Mark     `json:"noprefixroute,omitempty"`
	AutoJoin     Mark     `json:"autojoin,omitempty"`
	Stable       Mark     `json:"stable-privacy,omitempty"`
	Protocol     Text     `json:"protocol,omitempty"`
	Label        string   `json:"label,omitempty"`
	ValidLft     *Seconds `json:"valid_life_time,omitempty"`
	PreferredLft *Seconds `json:"preferred_life_time,omitempty"`
}

// addrWords are the words of an address in the order of print_addrinfo in
// ip/ipaddress.c. There is no keyword before the label.
var addrWords = languageOf(func() []keyword[Addr] {
	return []keyword[Addr]{
		{"metric", func(a *Addr) any { return &a.Metric }},
		{"brd broadcast", func(a *Addr) any { return &a.Broadcast }},
		{"any anycast", func(a *Addr) any { return &a.Anycast }},
		{"scope", func(a *Addr) any { return &a.Scope }},
		{"secondary", func(a *Addr) any { return &a.Secondary }},
		{"temporary", func(a *Addr) any { return &a.Temporary }},
		{"nodad", func(a *Addr) any { return &a.NoDAD }},
		{"optimistic", func(a *Addr) any { return &a.Optimistic }},
		{"dadfailed", func(a *Addr) any { return &a.DADFailed }},
		{"home", func(a *Addr) any { return &a.Home }},
		{"deprecated", func(a *Addr) any { return &a.Deprecated }},
		{"tentative", func(a *Addr) any { return &a.Tentative }},
		{"dynamic", func(a *Addr) any { return &a.Dynamic }},
		{"mngtmpaddr", func(a *Addr) any { return &a.ManageTemp }},
		{"noprefixroute", func(a *Addr) any { return &a.NoPrefix }},
		{"autojoin", func(a *Addr) any { return &a.AutoJoin }},
		{"stable-privacy", func(a *Addr) any { return &a.Stable }},
		{"proto", func(a *Addr) any { return &a.Protocol }},
		{"flags", func(*Addr) any { return unkept(1) }},
		{"", func(a *Addr) any { return labelWord{a} }},
		{"valid_lft", func(a *Addr) any { return valueWord[Seconds]{&a.ValidLft, parseSeconds} }},
		{"preferred_lft", func(a *Addr) any { return valueWord[Seconds]{&a.PreferredLft, parseSeconds} }},
	}
})

// ParseAddress reads an address of a listing, starting at "inet", or the line below it
// with the lifetimes. It stops at a word that is not understood.
func ParseAddress(line []string) (Addr, *Odd) {
	w := &words{all: line}
	var a Addr
	if s := w.peek(); s == "inet" || s == "inet6" {
		a.Family = w.next()
		a.host(w)
	}
	for w.more() {
		if !addrWords().take(w, &a) {
			a.Label = w.next() // the device's name, or a name that begins with it
		}
	}
	return a, w.odd
}

// host reads LOCAL/LEN, or LOCAL peer ADDRESS/LEN.
func (a *Addr) host(w *words) {
	local, length, has := strings.Cut(w.next(), "/")
	a.Local = local
	if w.skip("peer") {
		a.Peer, length, has = strings.Cut(w.next(), "/")
	}
	a.PrefixLen = 32
	if a.Family == "inet6" || strings.Contains(local, ":") {
		a.PrefixLen = 128
	}
	if has {
		n, err := ParseUint(length, 8)
		if err != nil {
			w.fail(err)
		}
		a.PrefixLen = int(n)
	}
}

// ParseAddressJSON reads an element of addr_info that ip(8) wrote as JSON.
func ParseAddressJSON(raw []byte) (a Addr, err error) {
	err = json.Unmarshal(raw, &a)
	return a, err
}

// String is the address as `ip -d addr show` lists it, on one line.
func (a *Addr) String() string {
	out := []string{a.Family, a.Local}
	if a.Peer != "" {
		out = append(out, "peer", a.Peer)
	}
	out[len(out)-1] += "/" + strconv.Itoa(a.PrefixLen)
	return strings.Join(addrWords().text(out, a), " ")
}

// Resolve checks the values of an address. Link is the device that has it.
func (a *Addr) Resolve(link int) (route.Addr, error) {
	out := route.Addr{
		Link: link, Flags: a.flags(), Label: a.Label,
		PreferredLft: a.PreferredLft.duration(), ValidLft: a.ValidLft.duration(),
	}
	local, err := ParseAddr(a.Local)
	if err != nil {
		return out, err
	}
	if out.Prefix = netip.PrefixFrom(local, a.PrefixLen); !out.Prefix.IsValid() {
		return out, fmt.Errorf("%s/%d is no prefix", local, a.PrefixLen)
	}
	if a.Peer != "" {
		peer, bad := ParseAddr(a.Peer)
		out.Peer, err = netip.PrefixFrom(peer, a.PrefixLen), bad
	}
	if a.Broadcast != "" {
		brd, bad := ParseAddr(a.Broadcast)
		out.Broadcast, err = brd, cmp.Or(err, bad)
	}
	if a.Scope != "" {
		scope, bad := parseScope(string(a.Scope))
		out.Scope, err = scope, cmp.Or(err, bad)
	}
	if err != nil {
		return out, err
	}
	return out, out.Check()
}

// flags are the flags that have a meaning here.
func (a *Addr) flags() route.AddrFlags {
	out := route.AddrPermanent
	if a.Dynamic {
		out = 0
	}
	for flag, is := range map[route.AddrFlags]Mark{
		route.AddrSecondary: a.Secondary || a.Temporary, route.AddrNoDAD: a.NoDAD, route.AddrOptimistic: a.Optimistic,
		route.AddrDADFailed: a.DADFailed, route.AddrHomeAddress: a.Home, route.AddrDeprecated: a.Deprecated,
		route.AddrTentative: a.Tentative, route.AddrManageTemp: a.ManageTemp, route.AddrNoPrefixRoute: a.NoPrefix,
		route.AddrMCAutoJoin: a.AutoJoin, route.AddrStablePrivacy: a.Stable,
	} {
		if is {
			out |= flag
		}
	}
	return out
}

// duration is how long something is valid; forever if that was not given.
func (s *Seconds) duration() time.Duration {
	if s == nil || *s == forever {
		return route.ForeverLft
	}
	return time.Duration(min(max(*s, 0), forever)) * time.Second
}

// Lifetimes sets the lifetimes of an address from the line below it in a listing.
func (a *Addr) Lifetimes(of *route.Addr) {
	if a.ValidLft != nil {
		of.ValidLft = a.ValidLft.duration()
	}
	if a.PreferredLft != nil {
		of.PreferredLft = a.PreferredLft.duration()
	}
}

type labelWord struct{ *Addr }

func (a labelWord) take(string, *words)  {} // never called: the label has no keyword
func (a labelWord) text(string) []string { return strings.Fields(a.Label) }
