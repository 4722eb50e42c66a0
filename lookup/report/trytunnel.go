package report

import (
	"slices"

	"routewhy/lookup/connections"
	"routewhy/route"
)

// carries finds out whether the connection's packets leave by a TUN or TAP device that its own
// program has open: one of the processes that have its socket. They come back to the program,
// which sends them by the connection again.
func (s *TrySocket) carries(holds func(pid int, dev string) bool, owners []route.Process) {
	if holds == nil || !s.Moves {
		return
	}
	for i := range s.After.NextHops {
		dev := s.After.NextHops[i].Dev
		if slices.ContainsFunc(s.Before.NextHops, func(h NextHop) bool { return h.Dev == dev }) {
			continue
		}
		at := slices.IndexFunc(owners, func(p route.Process) bool { return holds(p.PID, dev) })
		if at < 0 {
			continue
		}
		s.PID, s.Comm = owners[at].PID, owners[at].Name
		s.Carries, s.Reason = dev, TryLoss{Code: connections.LostItself, Dev: dev}
		s.MayBeLost = len(s.After.NextHops) > 1
		s.Lost = !s.MayBeLost
		return
	}
}
