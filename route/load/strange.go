package load

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
)

// A line of a listing of routes that is not understood may be a route all the same: in
// another language, or in a form that is newer than this program.

// strangeRoute keeps a line that was not understood as an odd route of its table, and
// reports whether it may be one: it stands among routes, and names what a route names. What
// it means is not known, but which prefix it is for.
func (t *lines) strangeRoute(s string, w []string) bool {
	if t.kind == kindOther && t.routeLine != t.line-1 || t.kind != kindOther && t.kind != kindRoutes ||
		w[0][0] == '#' || strings.Count(w[0], ":") == 5 && len(w[0]) == 17 || w[0][0] == '-' || noise().MatchString(s) || promptLine().MatchString(s) {
		return false
	}
	prefixes, whole := prefixesIn(w), slices.Contains(w, "default")
	named := t.namesWay(w)
	switch {
	case len(prefixes) > 0:
	case named && whole:
	case named && !sentence(w):
	default:
		return false
	}
	t.routeLine = t.line
	if t.skipped() || t.context.answers {
		return true
	}
	t.keepStrange(w, prefixes, whole)
	return true
}

// keepStrange adds the odd routes of a line.
func (t *lines) keepStrange(w []string, prefixes []netip.Prefix, whole bool) {
	table := t.context.table
	if i := slices.Index(w, "table"); i >= 0 && i+1 < len(w) {
		table, _ = t.facts.table(w[i+1])
	} else if table == 0 && !t.anyTable {
		table = route.TableMain
	}
	fam := t.context.family
	for _, word := range w {
		if _, f, ok := destination(word); ok {
			fam = f
		}
	}
	if whole && len(prefixes) == 0 && fam != 0 {
		prefixes = []netip.Prefix{fam.Default()}
	}
	if len(prefixes) == 0 {
		t.odd(route.Route{Table: table}, fam)
	}
	for _, p := range prefixes {
		t.odd(route.Route{Table: table, Dst: p.Masked(), Type: route.TypeUnicast}, route.FamilyOf(p.Addr()))
	}
}

// prefixesIn are the words of a line that are a prefix with its length.
func prefixesIn(w []string) []netip.Prefix {
	var out []netip.Prefix
	for _, word := range w {
		if p, err := netip.ParsePrefix(strings.Trim(word, `"'(),;:`)); err == nil && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// namesWay reports whether a line names a gateway or a device as routes do.
func (t *lines) namesWay(w []string) bool {
	for i, word := range w[:len(w)-1] {
		_, _, addr := destination(w[i+1])
		if word == "via" && addr || word == "dev" && t.byName[w[i+1]] != 0 {
			return true
		}
	}
	return false
}

// sentence reports whether a line is prose: it ends like a sentence, or is as long as one.
func sentence(w []string) bool {
	last := w[len(w)-1]
	return strings.ContainsAny(last[len(last)-1:], ".?!,:;") || len(w) > 24
}

// errShortRow: a table of columns has a line that lacks columns.
var errShortRow = errors.New("it ends in the middle")

// shortRow keeps a line of a table of columns that was cut off as an odd route, and reports
// whether it is one.
func (t *lines) shortRow(w []string) bool {
	if t.columns == nil || t.columns[0] == "Interface" {
		return false
	}
	if t.columns[0] == "Iface" {
		if len(w) < 2 || len(w[1]) != 8 {
			return false
		}
		if _, err := hex4(w[1]); err != nil {
			return false
		}
		t.odd(route.Route{Table: route.TableMain}, route.IPv4)
		return true
	}
	if t.columnsOf == route.IPv6 {
		p, err := netip.ParsePrefix(strings.NewReplacer("[", "", "]", "").Replace(w[0]))
		if err != nil || !p.Addr().Is6() {
			return false
		}
		t.odd(route.Route{Table: route.TableMain, Dst: p.Masked(), Type: route.TypeUnicast}, route.IPv6)
		return true
	}
	dst, err := columnAddr(w[0])
	if err != nil || len(w) > 1 && !t.fitsColumns(w[1]) {
		return false
	}
	r := route.Route{Table: route.TableMain, Type: route.TypeUnicast}
	if len(w) > 2 {
		if mask, err := columnAddr(w[2]); err == nil {
			if bits, err := maskBits(mask); err == nil {
				r.Dst = netip.PrefixFrom(dst, bits).Masked()
			}
		}
	}
	t.odd(r, route.IPv4)
	return true
}

// fitsColumns reports whether a word may be the gateway of a line of columns.
func (t *lines) fitsColumns(s string) bool {
	_, err := columnAddr(s)
	return err == nil || s == "-"
}
