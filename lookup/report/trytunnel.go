package report

import (
	"slices"

	"routewhy/lookup/connections"
)

// carries finds out whether the connection's packets leave by a TUN or TAP device that its own
// program has open. They come back to the program, which sends them by the connection again.
func (s *TrySocket) carries(holds func(pid int, dev string) bool) {
	if holds == nil || s.PID == 0 || !s.Moves {
		return
	}
	for i := range s.After.NextHops {
		dev := s.After.NextHops[i].Dev
		before := slices.ContainsFunc(s.Before.NextHops, func(h NextHop) bool { return h.Dev == dev })
		if before || !holds(s.PID, dev) {
			continue
		}
		s.Carries, s.Reason = dev, TryLoss{Code: connections.LostItself, Dev: dev}
		s.MayBeLost = len(s.After.NextHops) > 1
		s.Lost = !s.MayBeLost
		return
	}
}
