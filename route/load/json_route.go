package load

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

type jsonVia struct {
	Family string `json:"family"`
	Host   string `json:"host"`
}

type jsonHop struct {
	Gateway string          `json:"gateway"`
	Via     *jsonVia        `json:"via"`
	Dev     string          `json:"dev"`
	Weight  int             `json:"weight"`
	Flags   []string        `json:"flags"`
	Encap   string          `json:"encap"`
	Flow    json.RawMessage `json:"flow"`
	Realm   json.RawMessage `json:"realm"`
	encapParams
}

// encapParams are the parameters of light-weight tunnels, which do not decide.
type encapParams struct {
	Mode  json.RawMessage `json:"mode"`
	Segs  json.RawMessage `json:"segs"`
	ID    json.RawMessage `json:"id"`
	Src   json.RawMessage `json:"src"`
	Hop   json.RawMessage `json:"hoplimit"`
	TTL   json.RawMessage `json:"ttl"`
	TC    json.RawMessage `json:"tc"`
	Label json.RawMessage `json:"dst_mpls"`
}

type jsonRoute struct {
	Type     text              `json:"type"`
	Dst      string            `json:"dst"`
	From     string            `json:"from"`
	TOS      text              `json:"tos"`
	NHID     uint32            `json:"nhid"`
	NHInfo   json.RawMessage   `json:"nh_info"`
	Table    text              `json:"table"`
	Protocol text              `json:"protocol"`
	Scope    text              `json:"scope"`
	PrefSrc  string            `json:"prefsrc"`
	Metric   signed            `json:"metric"`
	NextHops []jsonHop         `json:"nexthops"`
	Metrics  []map[string]any  `json:"metrics"`
	Expires  *text             `json:"expires"`
	Pref     string            `json:"pref"`
	Cache    []json.RawMessage `json:"cache"`
	Error    json.RawMessage   `json:"error"`
	Age      json.RawMessage   `json:"age"`
	Used     json.RawMessage   `json:"used"`
	Users    json.RawMessage   `json:"users"`
	jsonHop
}

// route reads a route as `ip -j route` prints it. A large table has many that
// are, but for the destination, the same to the byte: those are read once.
func (j *jsonReader) route(raw []byte) error {
	dst, rest, cut := cutDst(raw)
	if known, ok := j.alike[string(rest)]; ok && cut {
		p, err := parseDst(dst, 0)
		if err != nil {
			return err
		}
		if known.family == route.FamilyOf(p.Addr()) {
			r := known.Route
			r.Dst = p
			if !known.told {
				r.Table = j.table0()
			}
			j.place(r, &j.context, known.told)
			return nil
		}
	}
	var v jsonRoute
	plain, err := withoutTunnels(raw)
	if err == nil {
		err = strict(plain, &v)
	}
	if err != nil {
		j.oddRoute(raw)
		return err
	}
	r := route.Route{Type: route.TypeUnicast, Table: j.table0(), Protocol: route.ProtocolBoot, Metric: uint32(v.Metric), NextHopID: v.NHID}
	hint := []string{"scope"}
	if v.Scope == "" {
		hint = nil
	}
	hint = append(hint, "via", v.Gateway, "src", v.PrefSrc, "from", v.From)
	if v.Pref != "" {
		hint = append(hint, "pref")
	}
	for i := range v.NextHops {
		hint = append(hint, "via", v.NextHops[i].Gateway)
	}
	fam := j.familyOf(hint)
	if r.Dst, err = parseDst(v.Dst, fam); err != nil {
		_ = j.routeFields(&r, &v)
		j.facts.odd(route.Route{Table: r.Table}, fam)
		return err
	}
	if err := errors.Join(j.routeFields(&r, &v), j.routeWays(&r, &v)); err != nil {
		return j.unclear(r, v.Table != "", err)
	}
	if err := checkRoute(&r); err != nil {
		r.NextHops, r.PrefSrc, r.Src = nil, netip.Addr{}, netip.Prefix{}
		return j.unclear(r, v.Table != "", err)
	}
	if cut && dst == v.Dst && len(j.alike) < maxAlike {
		if j.alike == nil {
			j.alike = map[string]alikeRoute{}
		}
		j.alike[string(rest)] = alikeRoute{r, r.Family(), v.Table != ""}
	}
	j.place(r, &j.context, v.Table != "")
	return nil
}

// unclear adds a route of which something was not understood.
func (j *jsonReader) unclear(r route.Route, told bool, err error) error {
	unread := func(h route.NextHop) bool { return h.Flags&route.NextHopUnread != 0 }
	if !slices.ContainsFunc(r.NextHops, unread) {
		r.Flags |= route.FlagOdd
	}
	if checkRoute(&r) != nil {
		r.NextHops, r.PrefSrc, r.Src, r.Flags = nil, netip.Addr{}, netip.Prefix{}, r.Flags|route.FlagOdd
	}
	if r.Table == 0 {
		j.facts.odd(r, r.Family())
		return err
	}
	j.place(r, &j.context, told)
	return err
}

// oddRoute keeps what can be told of a route that has members that are not known.
func (j *jsonReader) oddRoute(raw []byte) {
	var v struct {
		Dst   string `json:"dst"`
		Table text   `json:"table"`
	}
	r := route.Route{Type: route.TypeUnicast, Table: j.table0()}
	if json.Unmarshal(raw, &v) == nil && v.Table != "" {
		r.Table, _ = j.facts.table(string(v.Table))
	}
	dst, fam, ok := destination(v.Dst)
	switch {
	case ok:
		r.Dst = dst.Masked()
	case v.Dst == "default":
		fam = j.familyOf(nil)
		r.Dst, _ = parseDst(v.Dst, fam)
	}
	j.facts.odd(r, fam)
}

// alikeRoute is a route, and what else follows from its text but the destination.
type alikeRoute struct {
	route.Route
	family route.Family
	told   bool // it says its table
}

// maxAlike is how many are remembered.
const maxAlike = 1 << 10

// cutDst cuts the destination out of a route. False: it has none that tells its
// family.
func cutDst(raw []byte) (dst string, rest []byte, ok bool) {
	const key = `"dst":"`
	before, after, found := bytes.Cut(raw, []byte(key))
	value, rest, ended := bytes.Cut(after, []byte{'"'})
	if !found || !ended || !bytes.ContainsAny(value, ".:") {
		return "", nil, false
	}
	return string(value), append(before[:len(before):len(before)], rest...), true
}

func (j *jsonReader) table0() route.Table {
	if j.context.table != 0 {
		return j.context.table
	}
	return route.TableMain
}

func (j *jsonReader) routeFields(r *route.Route, v *jsonRoute) error {
	var errs [7]error
	if v.Type != "" {
		errs[0] = r.Type.UnmarshalText([]byte(v.Type))
	}
	if v.Table != "" {
		r.Table, errs[1] = j.facts.table(string(v.Table))
	}
	if v.Protocol != "" {
		r.Protocol, errs[2] = j.protocol(string(v.Protocol))
	}
	if v.Scope != "" {
		r.Scope, errs[3] = scope(string(v.Scope))
	}
	if v.PrefSrc != "" {
		r.PrefSrc, errs[4] = parseAddr(v.PrefSrc)
	}
	if v.From != "" {
		r.Src, errs[5] = parseDst(v.From, r.Family())
	}
	if v.TOS != "" {
		r.TOS, errs[6] = tos(string(v.TOS))
	}
	if v.Expires != nil {
		var err error
		if r.Expires, err = parseSeconds(string(*v.Expires)); err != nil {
			return err
		}
	}
	if v.Pref != "" {
		if err := r.Pref.UnmarshalText([]byte(v.Pref)); err != nil {
			return err
		}
	}
	for _, m := range v.Metrics {
		w := &words{}
		for name, value := range m {
			if n, ok := value.(float64); ok && name != "features" {
				w.rest = []string{strconv.FormatUint(uint64(n), 10)}
				metric(w, r, name)
			}
		}
	}
	return errors.Join(errs[:]...)
}

func (j *jsonReader) routeWays(r *route.Route, v *jsonRoute) error {
	var first error
	for i := range v.NextHops {
		h, err := j.hop(&v.NextHops[i])
		first = cmp.Or(first, err)
		h.Weight = max(1, v.NextHops[i].Weight)
		r.NextHops = append(r.NextHops, h)
	}
	h, err := j.hop(&v.jsonHop)
	err = cmp.Or(first, err)
	if j.dev != "" && h.Link == 0 {
		h.Link = j.device(j.dev)
	}
	single := v.Dev != "" || h.Gateway.IsValid() || j.dev != ""
	if single && len(r.NextHops) == 0 && !(r.Family() == route.IPv4 && r.Type.Refuses()) {
		r.NextHops = []route.NextHop{h}
	}
	return err
}

func (j *jsonReader) hop(v *jsonHop) (h route.NextHop, err error) {
	h.Link = j.device(v.Dev)
	gw := v.Gateway
	if v.Via != nil {
		gw = v.Via.Host
	}
	if gw != "" {
		if h.Gateway, err = parseAddr(gw); err != nil {
			h.Flags |= route.NextHopUnread
		}
	}
	for _, s := range v.Flags {
		flag, ok := hopFlag(s)
		if !ok {
			return h, fmt.Errorf("flag %q", s)
		}
		h.Flags |= flag
	}
	if v.Encap != "" {
		if h.Encap = encapByName(v.Encap); h.Encap == 0 {
			return h, fmt.Errorf("encap %q", v.Encap)
		}
	}
	h.Realm = realmsOf(v.Flow)
	return h, err
}

// realmsOf are the realms of a route: {"from": "3", "to": "5"}, or a number as older
// iproute2 wrote it.
func realmsOf(raw json.RawMessage) uint32 {
	var both struct{ From, To text }
	if err := json.Unmarshal(raw, &both); err != nil {
		return realm(strings.Trim(string(raw), `"`))
	}
	return realm(string(both.From))<<16 | realm(string(both.To))&0xffff
}
