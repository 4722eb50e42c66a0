package iproute2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// Route is a route as `ip -j -d route show` writes it. Devices, tables, protocols and
// everything else that has a name are given by name. Routewhy's own JSON differs in two
// things: dst is always a prefix with its length, and type, table, metric and scope are
// always there. An empty field was not given.
type Route struct {
	Type     Text      `json:"type,omitempty"`
	Dst      string    `json:"dst"`
	From     string    `json:"from,omitempty"`
	TOS      Text      `json:"tos,omitempty"`
	Gateway  string    `json:"gateway,omitempty"`
	Via      *Via      `json:"via,omitempty"`
	Dev      string    `json:"dev,omitempty"`
	NextHops []NextHop `json:"nexthops,omitempty"`
	NHID     uint32    `json:"nhid,omitempty"`
	Encap    string    `json:"encap,omitempty"`
	Flow     *Realms   `json:"flow,omitempty"`
	Table    Text      `json:"table,omitempty"`
	Protocol Text      `json:"protocol,omitempty"`
	Scope    Text      `json:"scope,omitempty"`
	PrefSrc  string    `json:"prefsrc,omitempty"`
	Metric   *Number   `json:"metric,omitempty"`
	Flags    []string  `json:"flags"`
	Metrics  Metrics   `json:"metrics,omitempty"`
	Expires  *Seconds  `json:"expires,omitempty"`
	Pref     string    `json:"pref,omitempty"`

	// Locked are the metrics that the kernel may not change (`mtu lock`). Unread says that
	// there is a gateway, but that a file does not tell it. SrcUnread says the same about
	// PrefSrc. Ip's JSON has none of these.
	Locked    []string `json:"locked,omitempty"`
	Unread    bool     `json:"gateway_unread,omitempty"`
	SrcUnread bool     `json:"prefsrc_unread,omitempty"`

	// Error is the errno, with its sign, that old versions of ip(8) add to IPv6 routes.
	Error Text `json:"error,omitempty"`
	// Tunnel are the parameters of Encap in a listing.
	Tunnel []string `json:"-"`
}

// Via is a gateway of the other family.
type Via struct {
	Family string `json:"family"`
	Host   string `json:"host"`
}

// NextHop is one leg of a multipath route.
type NextHop struct {
	Gateway string   `json:"gateway,omitempty"`
	Via     *Via     `json:"via,omitempty"`
	Dev     string   `json:"dev,omitempty"`
	Encap   string   `json:"encap,omitempty"`
	Flow    *Realms  `json:"flow,omitempty"`
	Weight  int      `json:"weight"`
	Flags   []string `json:"flags"`
	Unread  bool     `json:"gateway_unread,omitempty"` // see [Route]
	Tunnel  []string `json:"-"`
}

// hopFields are the fields that a route and a leg have in common.
type hopFields struct {
	gateway *string
	via     **Via
	dev     *string
	encap   *string
	tunnel  *[]string
	flow    **Realms
	flags   *[]string
	unread  bool
}

func (r *Route) hop() hopFields {
	return hopFields{&r.Gateway, &r.Via, &r.Dev, &r.Encap, &r.Tunnel, &r.Flow, &r.Flags, r.Unread}
}

func (h *NextHop) hop() hopFields {
	return hopFields{&h.Gateway, &h.Via, &h.Dev, &h.Encap, &h.Tunnel, &h.Flow, &h.Flags, h.Unread}
}

// hopFlags are the flags of a next hop in the order of print_rt_flags in ip/iproute.c.
const hopFlags = "dead onlink pervasive offload trap notify linkdown unresolved rt_offload rt_trap rt_offload_failed offload_failed"

// routeWords are the words of a route in the order of print_route.
var routeWords = languageOf(func() []keyword[Route] {
	return []keyword[Route]{
		{"from", func(r *Route) any { return &r.From }},
		{"encap", func(r *Route) any { return encapWords(r.hop()) }},
		{"tos dsfield", func(r *Route) any { return &r.TOS }},
		{"nhid", func(r *Route) any { return &r.NHID }},
		{"via", func(r *Route) any { return viaWords(r.hop()) }},
		{"dev oif", func(r *Route) any { return &r.Dev }},
		{"table vrf", func(r *Route) any { return &r.Table }},
		{"proto protocol", func(r *Route) any { return &r.Protocol }},
		{"scope", func(r *Route) any { return &r.Scope }},
		{"src", func(r *Route) any { return &r.PrefSrc }},
		{"metric priority preference", func(r *Route) any { return &r.Metric }},
		{hopFlags, func(r *Route) any { return (*flagWords)(&r.Flags) }},
		{"realm realms", func(r *Route) any { return flowWords(r.hop()) }},
		{"error", func(r *Route) any { return &r.Error }},
		{"expires", func(r *Route) any { return expiresWords{r} }},
		{metricNames(), func(r *Route) any { return metricWords{r} }},
		{"pref", func(r *Route) any { return &r.Pref }},
		{"nexthop", func(r *Route) any { return legWords{r} }},
		{"cache", func(*Route) any { return unkept(0) }},
		{"users age used realm-from ttl-propagate ttl-propogate", func(*Route) any { return unkept(1) }}, //nolint:misspell // as print_route spells it
	}
})

// hopWords are the words of a leg in the order of print_rta_multipath.
var hopWords = languageOf(func() []keyword[NextHop] {
	return []keyword[NextHop]{
		{"encap", func(h *NextHop) any { return encapWords(h.hop()) }},
		{"via", func(h *NextHop) any { return viaWords(h.hop()) }},
		{"dev oif", func(h *NextHop) any { return &h.Dev }},
		{"realm realms", func(h *NextHop) any { return flowWords(h.hop()) }},
		{"weight", func(h *NextHop) any { return weightWords{h} }},
		{hopFlags, func(h *NextHop) any { return (*flagWords)(&h.Flags) }},
	}
})

// ParseRoute reads a route of a listing, or of a command, where it starts at TYPE or
// PREFIX. It stops at a word that is not understood.
func ParseRoute(line []string) (Route, *Odd) {
	w := &words{all: line}
	r := Route{Flags: []string{}}
	if len(WithoutType(line)) < len(line) {
		r.Type = Text(w.next())
	}
	r.Dst = w.next()
	for w.more() {
		if !routeWords().take(w, &r) {
			w.fail(fmt.Errorf("%q is not known", w.next()))
		}
	}
	return r, w.odd
}

// IsRouteWord reports whether a word is a keyword of a route or of one of its next hops.
func IsRouteWord(s string) bool { return routeWords().byName[s] != nil || hopWords().byName[s] != nil }

// WantsMore reports whether a word is a keyword of a route or a rule that needs a value, so
// that no route or rule can end with it.
func WantsMore(s string) bool {
	return routeWords().wantsMore(s) || hopWords().wantsMore(s) || ruleWords().wantsMore(s)
}

// ParseRest reads the words of a route after a word that was not understood. It skips other
// words that are not understood.
func ParseRest(line []string) Route { return parseRest(routeWords(), line) }

// WithoutType removes the type of the route at the beginning of a line.
func WithoutType(w []string) []string {
	var typ route.Type
	if len(w) < 2 || strings.ContainsAny(w[0], ".:/") || typ.UnmarshalText([]byte(w[0])) != nil {
		return w
	}
	if len(w) > 2 || w[1] == "default" || strings.Contains(w[1], "/") || w[0][0] > '9' {
		return w[1:]
	}
	return w
}

// String is the route as `ip -d route show` lists it, on one line.
func (r *Route) String() string {
	var out []string
	if r.Type != "" {
		out = append(out, string(r.Type))
	}
	return strings.Join(routeWords().text(append(out, r.Dst), r), " ")
}

// Unlike compares the listings of two routes after the destination. For each route, it gives
// what the other listing does not say or says differently.
func Unlike(a, b *Route) (ofA, ofB string) {
	x, y := routeWords().unlike(a, b)
	return strings.Join(x, " "), strings.Join(y, " ")
}

// routeMembers is a route with those members of its JSON that no decision depends on.
type routeMembers struct {
	*Route
	NHInfo json.RawMessage `json:"nh_info"`
	Cache  json.RawMessage `json:"cache"`
	Age    json.RawMessage `json:"age"`
	Used   json.RawMessage `json:"used"`
	Users  json.RawMessage `json:"users"`
	Realm  json.RawMessage `json:"realm"`
}

// ParseRouteJSON reads a route that ip(8) wrote as JSON. A member that is not known is
// an error. Only the kind of a tunnel is kept.
func ParseRouteJSON(raw []byte) (Route, error) {
	raw, err := withoutTunnels(raw)
	if err != nil {
		return Route{}, err
	}
	var r Route
	return r, strict(raw, &routeMembers{Route: &r})
}

// unkept is a number of words that are skipped, because they say nothing about where a
// route leads.
type unkept int

func (n unkept) take(_ string, w *words) {
	for range n {
		w.next()
	}
}

func (unkept) text(string) []string { return nil }

// flagWords are words without a value. JSON has them in a list.
type flagWords []string

func (f *flagWords) take(name string, _ *words) { *f = append(*f, name) }
func (f *flagWords) text(string) []string       { return *f }

type viaWords hopFields

func (v viaWords) take(name string, w *words) {
	had := (*v.via).host(*v.gateway)
	family := w.peek()
	if family != "inet6" && family != "inet" {
		*v.gateway = w.once(name, had)
		return
	}
	w.next()
	*v.via = &Via{family, w.once(name, had)}
}

func (v viaWords) text(string) []string {
	switch {
	case *v.via != nil:
		return []string{"via", (*v.via).Family, (*v.via).Host}
	case *v.gateway != "":
		return []string{"via", *v.gateway}
	}
	return nil
}

type weightWords struct{ *NextHop }

func (h weightWords) take(_ string, w *words) { h.Weight = int(w.number(16)) }
func (h weightWords) text(string) []string    { return []string{"weight", strconv.Itoa(h.Weight)} }

type legWords struct{ *Route }

func (r legWords) take(_ string, w *words) {
	h := NextHop{Weight: 1, Flags: []string{}}
	if !w.more() {
		w.next() // it ends too early
	}
	for w.more() && hopWords().take(w, &h) {
		continue // other words belong to the route: older versions have pref last
	}
	r.NextHops = append(r.NextHops, h)
}

func (r legWords) text(string) []string {
	var out []string
	for i := range r.NextHops {
		out = hopWords().text(append(out, "nexthop"), &r.NextHops[i])
	}
	return out
}

// Seconds is how long something is valid; forever is 1<<32 - 1.
type Seconds int64

const forever Seconds = 1<<32 - 1

// UnmarshalJSON reads a number, or the text that a listing has.
func (s *Seconds) UnmarshalJSON(b []byte) (err error) {
	*s, err = parseSeconds(string(bytes.Trim(b, `"`)))
	return err
}

// parseSeconds reads "86400sec" or "forever".
func parseSeconds(s string) (Seconds, error) {
	if s == "forever" {
		return forever, nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "sec"), 10, 33)
	if err != nil {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return Seconds(n), nil
}

func (s Seconds) String() string {
	if s == forever {
		return "forever"
	}
	return strconv.FormatInt(int64(s), 10) + "sec"
}

type expiresWords struct{ *Route }

func (r expiresWords) take(_ string, w *words) {
	s, err := parseSeconds(w.next())
	if err != nil {
		w.fail(err)
	}
	r.Expires = &s
}

func (r expiresWords) text(string) []string {
	if r.Expires == nil {
		return nil
	}
	return []string{"expires", r.Expires.String()}
}

// Realms are the realms of a route's packets (`realms FROM/TO`), as names or
// numbers.
type Realms struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// UnmarshalJSON reads an object, or a number, which older versions of ip(8) write.
func (r *Realms) UnmarshalJSON(b []byte) error {
	var both struct{ From, To Text }
	if json.Unmarshal(b, &both) == nil {
		*r = Realms{string(both.From), string(both.To)}
		return nil
	}
	return json.Unmarshal(b, (*Text)(&r.To))
}

// parseRealms reads FROM/TO or TO.
func parseRealms(s string) *Realms {
	if from, to, two := strings.Cut(s, "/"); two {
		return &Realms{from, to}
	}
	return &Realms{To: s}
}

func (r *Realms) String() string {
	if r.From != "" {
		return r.From + "/" + r.To
	}
	return r.To
}

type flowWords hopFields

func (f flowWords) take(_ string, w *words) { *f.flow = parseRealms(w.next()) }

func (f flowWords) text(string) []string {
	switch flow := *f.flow; {
	case flow == nil:
		return nil
	case flow.From != "":
		return []string{"realms", flow.String()}
	default:
		return []string{"realm", flow.String()}
	}
}

type encapWords hopFields

func (e encapWords) take(_ string, w *words) {
	*e.encap = w.next()
	n := max(1, encapLength(w.all[w.at-1:]))
	*e.tunnel = slices.Clone(w.all[w.at : w.at+n-1])
	w.at += n - 1
}

func (e encapWords) text(string) []string {
	if *e.encap == "" {
		return nil
	}
	return append([]string{"encap", *e.encap}, *e.tunnel...)
}

// encapLength is how many words a tunnel has, including its kind, which is the first
// (lwt_print_encap in iproute2's ip/iproute_lwtunnel.c). The tunnel ends at the next
// hop's device or gateway, or at the next word that only a route can have.
func encapLength(w []string) int {
	if len(w) == 0 {
		return 0
	}
	table := w[0] == "seg6local" // it may have a table of its own, before the route's table
	for i := 1; i < len(w); i++ {
		switch w[i] {
		case "via", "dev", "nexthop", "proto", "metric", "scope", "weight", "pref", "expires", "error":
			return i
		case "table":
			if !table {
				return i
			}
			table = false
		case "vrftable":
			table = false
		}
	}
	return len(w)
}
