package load

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// route reads a route as `ip -j route` prints it. A large table has many routes whose
// text is the same except for the destination: those are parsed only once.
func (j *jsonReader) route(raw []byte) error {
	dst, rest, cut := cutDst(raw)
	if known, ok := j.alike[string(rest)]; ok && cut {
		p, err := iproute2.ParseDst(dst, 0)
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
	v, err := iproute2.ParseRouteJSON(raw)
	if err != nil {
		j.oddRoute(raw)
		return err
	}
	r, err := j.resolveRoute(&v, &j.context)
	if !r.Dst.IsValid() {
		j.facts.odd(route.Route{Table: r.Table}, j.familyOf(&v))
		return err
	}
	if err != nil {
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

// unclear adds a route that was not wholly understood.
func (j *jsonReader) unclear(r route.Route, told bool, err error) error {
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

// oddRoute keeps what is clear about a route that has unknown members.
func (j *jsonReader) oddRoute(raw []byte) {
	var v struct {
		Dst   string        `json:"dst"`
		Table iproute2.Text `json:"table"`
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
		fam = j.familyOf(&iproute2.Route{})
		r.Dst, _ = iproute2.ParseDst(v.Dst, fam)
	}
	j.facts.odd(r, fam)
}

// alikeRoute is a route and what else its text says, except for its destination.
type alikeRoute struct {
	route.Route
	family route.Family
	told   bool // it says its table
}

// maxAlike is how many of these routes are remembered.
const maxAlike = 1 << 10

// cutDst cuts the destination out of a route. False: it has no destination that shows
// the family.
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
