package load

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// numbers finds the numbers of devices, tables and protocols. Those of devices are
// provisional.
type numbers struct{ *facts }

func (n numbers) Device(name string) (int, error)              { return n.device(name), nil }
func (n numbers) Table(name string) (route.Table, error)       { return n.table(name) }
func (n numbers) Protocol(name string) (route.Protocol, error) { return n.protocol(name) }

// parseRoute reads a line of ip-route(8). The context gives the family if the line does
// not tell it.
func (f *facts) parseRoute(line []string, c *context) (route.Route, error) {
	named, odd := iproute2.ParseRoute(line)
	if odd == nil {
		return f.resolveRoute(&named, c)
	}
	rest := iproute2.ParseRest(line[min(odd.At+1, len(line)):])
	if rest.Table != "" {
		named.Table = rest.Table
	}
	inner := *c
	inner.family = cmp.Or(familyHint(&named), familyHint(&rest), c.family)
	r, _ := f.resolveRoute(&named, &inner)
	r.Flags |= route.FlagOdd
	r.Metric, r.TOS, r.Src = 0, 0, netip.Prefix{} // the odd word may mean them
	return r, odd
}

// resolveRoute gives a route its numbers, and adds what its command says about it.
func (f *facts) resolveRoute(named *iproute2.Route, c *context) (route.Route, error) {
	if c.dev != "" && named.Dev == "" && len(named.NextHops) == 0 {
		named.Dev = c.dev
	}
	var family route.Family
	if !strings.ContainsAny(named.Dst, ".:") { // it does not show the family
		family = c.familyOf(named)
	}
	r, err := named.Resolve(numbers{f}, family)
	if named.Table == "" {
		r.Table = cmp.Or(c.table, route.TableMain)
	}
	return r, err
}

// errNowhere: what `ip route show dev DEVICE` prints lacks the device.
var errNowhere = errors.New("a route without a device")

// checkRoute finds reasons why a route cannot be in a table.
func checkRoute(r *route.Route) error {
	fam := r.Family()
	switch {
	case !r.Dst.IsValid():
		return fmt.Errorf("no destination")
	case r.Src.IsValid() && route.FamilyOf(r.Src.Addr()) != fam:
		return fmt.Errorf("from %s", r.Src)
	case r.PrefSrc.IsValid() && route.FamilyOf(r.PrefSrc) != fam:
		return fmt.Errorf("src %s", r.PrefSrc)
	}
	for i := range r.NextHops {
		h := &r.NextHops[i]
		switch g := h.Gateway; {
		case g.IsValid() && fam == route.IPv6 && g.Is4():
			return fmt.Errorf("via %s", g)
		case h.Link == 0 && h.Flags&route.NextHopUnread == 0 && !r.Type.Refuses():
			return errNowhere
		}
	}
	if len(r.NextHops) == 0 && r.NextHopID == 0 && r.Flags&route.FlagOdd == 0 && !r.Type.Refuses() && r.Type != route.TypeThrow {
		return errNowhere
	}
	return r.Check()
}
