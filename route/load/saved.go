package load

import (
	"bufio"

	"routewhy/route"
	"routewhy/route/kernel"
)

// saved reads what `ip route save` writes: a magic number, and the messages of
// a route dump as the kernel sent them. In these, devices are numbers.
func (l *loader) saved(name string, r *bufio.Reader) error {
	if _, err := r.Discard(4); err != nil {
		return err
	}
	l.facts.begin(name, 0, "")
	tables := map[route.Family]map[route.Table]bool{route.IPv4: {}, route.IPv6: {}}
	n, err := kernel.DecodeSaved(r, func(r *route.Route) error {
		if err := r.Check(); err != nil {
			l.fault(name, 0, err)
			l.facts.odd(route.Route{Table: r.Table, Dst: r.Dst, Type: route.TypeUnicast}, r.Family())
			return nil
		}
		one := *r
		one.NextHops = append([]route.NextHop(nil), r.NextHops...)
		for i := range one.NextHops {
			one.NextHops[i].Link = l.facts.deviceByIndex(one.NextHops[i].Link)
		}
		tables[r.Family()][r.Table] = true
		l.facts.addRoute(one)
		return l.account()
	}, func(n int, err error) { l.fault(name, 0, err) })
	if err == nil && n == 0 {
		return errUnknown
	}
	for fam, seen := range tables {
		// Only a dump of all tables has both.
		if seen[route.TableLocal] && len(seen) > 1 || seen[route.TableLocal] && fam == route.IPv6 {
			l.facts.complete[fam] = true
		}
	}
	return err
}
