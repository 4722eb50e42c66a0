package change

import (
	"net/netip"

	"routewhy/route"
)

// Reach works out the changes that bring a host from one state to another, as far as such
// changes exist. It neither makes nor deletes devices.
func Reach(from, to *State) WayBack {
	u := &undoer{want: to, now: from, touched: map[spot]bool{}, keepsLinks: true, makesTunnels: true}
	u.touchAll(from)
	u.touchAll(to)
	return u.run()
}

// Differences names what is different in one state from another.
func Differences(want, have *State) []Leftover {
	u := &undoer{want: want, now: have, touched: map[spot]bool{}}
	u.touchAll(want)
	u.touchAll(have)
	return u.left(false)
}

// touchAll marks all places that have routes.
func (u *undoer) touchAll(s *State) {
	e := s.fib.Edit()
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range e.Tables(f) {
			e.Routes(f, id, func(dst netip.Prefix, _ []*route.Route) bool {
				if p := (spot{id, dst}); !u.touched[p] {
					u.touched[p] = true
					u.order = append(u.order, p)
				}
				return true
			})
		}
	}
}
