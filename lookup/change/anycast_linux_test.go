package change_test

import (
	"encoding/hex"
	"maps"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
)

// joined is how often devices have joined anycast addresses.
type joined map[netip.Addr]map[int]int

func (j joined) add(first netip.Addr, link, n int) {
	if j[first] == nil {
		j[first] = map[int]int{}
	}
	j[first][link] += n
}

// joinedAgain reports whether devices have joined their anycast addresses more or less often
// than their addresses tell (aca_users in net/ipv6/anycast.c). No dump shows that, but the
// proc filesystem does.
func (h *live) joinedAgain(t *testing.T, s *route.Snapshot) bool {
	return !maps.EqualFunc(h.joined(t), joinedBy(s), maps.Equal[map[int]int])
}

func (h *live) joined(t *testing.T) joined {
	j := joined{}
	h.ns.Do(func() {
		b, err := os.ReadFile("/proc/thread-self/net/anycast6")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line) // index, name, address, users
			link, err1 := strconv.Atoi(f[0])
			raw, err2 := hex.DecodeString(f[2])
			n, err3 := strconv.Atoi(f[3])
			a, ok := netip.AddrFromSlice(raw)
			if err1 != nil || err2 != nil || err3 != nil || !ok {
				t.Fatal(line)
			}
			j.add(a, link, n)
		}
	})
	return j
}

// joinedBy is how often the devices of a snapshot have joined, if each address did it once.
func joinedBy(s *route.Snapshot) joined {
	j := joined{}
	for _, a := range s.Addrs {
		first := a.Prefix.Masked().Addr()
		if first.Is6() && forwards6(s, s.Link(a.Link)) && a.Flags&route.AddrTentative == 0 && a.Prefix.Bits() < 127 && !first.IsUnspecified() {
			j.add(first, a.Link, 1)
		}
	}
	return j
}

func forwards6(s *route.Snapshot, l *route.Link) bool {
	if l == nil {
		return false
	}
	n, _ := s.Sysctls.Conf(route.IPv6, l.Name, "forwarding")
	return n != 0
}

// waitForAnnouncing waits after a device stopped asking for link-layer addresses, or began to.
// It announces its addresses again after up to a second (addrconf_dad_kick), and joins their
// anycast addresses again then. No dump shows when it did.
func waitForAnnouncing(c change.Change, s *route.Snapshot) {
	l, ok := c.(*change.Link)
	if !ok || l.ARP == route.Unknown {
		return
	}
	if d := s.Link(l.Index); d != nil && d.Up() && d.Carrier() && forwards6(s, d) {
		time.Sleep(1100 * time.Millisecond)
	}
}
