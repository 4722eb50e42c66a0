package text

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// TestWatchClockChange checks that a new day, and clocks that are set back, are told.
func TestWatchClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	local := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = local })
	var b strings.Builder
	w := NewWatch(&b, Style{}, []string{"x"})
	at := time.Date(2026, 10, 24, 21, 30, 0, 0, time.UTC)
	if err := w.Zone(at); err != nil {
		t.Fatal(err)
	}
	for _, hours := range []time.Duration{0, 2, 3, 4} {
		if err := w.Turns([]*report.Turn{{Time: at.Add(hours * time.Hour), Label: "x", AfterFault: "no"}}); err != nil {
			t.Fatal(err)
		}
	}
	const want = `2026-10-24, times are CEST (UTC+02:00)
23:30:00  x  cannot be asked: no
2026-10-25
01:30:00  x  cannot be asked: no
02:30:00  x  cannot be asked: no
2026-10-25, times are CET (UTC+01:00)
02:30:00  x  cannot be asked: no
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestFlowShares checks that two answers which differ only in how many flows each next hop gets are
// told apart, and that changes of the same second with the same reason have it once.
func TestFlowShares(t *testing.T) {
	answer := func(first float64) *report.Explanation {
		e := &report.Explanation{}
		e.Disposition = lookup.DispositionUnicast
		e.NextHops = []report.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Dev: "eth0", Share: first}, {Gateway: netip.MustParseAddr("198.51.100.1"), Dev: "eth1", Share: 1 - first}}
		return e
	}
	var b strings.Builder
	w := NewWatch(&b, Style{Width: 120}, []string{"x", "y"})
	at := time.Date(2026, 7, 30, 2, 13, 7, 0, time.Local)
	x := report.Turn{Time: at, Label: "x", Before: answer(0.5), After: answer(0.75), Default: true}
	y := x
	y.Time, y.Label = at.Add(100*time.Millisecond), "y"
	if err := w.Turns([]*report.Turn{&x, &y}); err != nil {
		t.Fatal(err)
	}
	const want = `  x  via 192.0.2.1 dev eth0 or via 198.51.100.1 dev eth1 (3 in 4, 1 in 4 of all flows)
             before: via 192.0.2.1 dev eth0 or via 198.51.100.1 dev eth1 (1 in 2, 1 in 2 of all flows)
          y  via 192.0.2.1 dev eth0 or via 198.51.100.1 dev eth1 (3 in 4, 1 in 4 of all flows)
             before: via 192.0.2.1 dev eth0 or via 198.51.100.1 dev eth1 (1 in 2, 1 in 2 of all flows)
          no event told why; it was found when everything was read again
`
	if _, got, _ := strings.Cut(b.String(), "02:13:07"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestTriggerWords checks what is said about who made a change.
func TestTriggerWords(t *testing.T) {
	address := func(text string) *report.Thing {
		return &report.Thing{Address: &report.AddressState{Address: netip.MustParsePrefix(text), Dev: "eth0"}}
	}
	neighbour := func(state string) *report.Thing {
		return &report.Thing{Neighbour: &report.NeighbourState{Address: netip.MustParseAddr("192.0.2.1"), Dev: "eth0", State: state}}
	}
	device := func(mtu uint32) *report.Thing {
		return &report.Thing{Link: &report.LinkState{Name: "eth0", State: "up", MTU: mtu}}
	}
	tentative := address("2001:db8::2/64")
	tentative.Address.Tentative = true
	old := address("192.0.2.2/24")
	old.Address.Deprecated = true
	lasting := func(seconds iproute2.Seconds) *report.Thing {
		return &report.Thing{Route: &iproute2.Route{Type: "unicast", Dst: "::/0", Dev: "eth0", Table: "main", Protocol: "ra", Expires: &seconds}}
	}
	for _, c := range []struct {
		trigger report.Trigger
		want    string
	}{
		{
			report.Trigger{Op: report.Added, Object: report.Object{Kind: report.KindAddress, Change: report.Added, After: address("2001:db8::2/64")}},
			"the address 2001:db8::2/64 dev eth0 was added (by whom is not known; the kernel does not say it of IPv6 addresses)",
		}, {
			report.Trigger{Op: report.Changed, Port: 7, Object: report.Object{Kind: report.KindAddress, Change: report.Changed, Before: old, After: address("192.0.2.2/24")}},
			"the address 192.0.2.2/24 dev eth0 deprecated was changed to 192.0.2.2/24 dev eth0 (by whom is not known; netlink port 7)",
		}, {
			report.Trigger{Op: report.Changed, Port: 7, Object: report.Object{Kind: report.KindNeighbour, Change: report.Changed, After: neighbour("FAILED")}},
			"192.0.2.1 on eth0 was set to FAILED as a neighbour (by whom is not known; netlink port 7)",
		}, {
			report.Trigger{Op: report.Changed, Kernel: true, Object: report.Object{Kind: report.KindNeighbour, Change: report.Changed, After: neighbour("FAILED")}},
			"192.0.2.1 on eth0 does not answer any more (neighbour FAILED)",
		}, {
			report.Trigger{Op: report.Removed, Kernel: true, Object: report.Object{Kind: report.KindNeighbour, Change: report.Removed, Before: neighbour("FAILED")}},
			"the kernel's neighbour entry of 192.0.2.1 on eth0 is gone",
		}, {
			report.Trigger{Op: report.Changed, Kernel: true, Object: report.Object{Kind: report.KindRoute, Change: report.Changed, Before: lasting(-1), After: lasting(1800)}},
			"the kernel, by a router advertisement, renewed the lifetime of the route ::/0 dev eth0",
		}, {
			report.Trigger{Op: report.Removed, Kernel: true, Expired: true, Object: report.Object{Kind: report.KindRoute, Change: report.Removed, Before: lasting(-1)}},
			"the lifetime of the route ::/0 dev eth0 is over",
		}, {
			report.Trigger{Op: report.Changed, Kernel: true, Object: report.Object{Kind: report.KindRoute, Change: report.Changed, Before: lasting(0), After: lasting(2)}},
			"the kernel, by a router advertisement, renewed the lifetime of the route ::/0 dev eth0",
		}, {
			report.Trigger{Op: report.Removed, Kernel: true, Expired: true, Object: report.Object{Kind: report.KindAddress, Change: report.Removed, Before: address("192.0.2.2/24")}},
			"the lifetime of the address 192.0.2.2/24 dev eth0 is over",
		}, {
			report.Trigger{Op: report.Changed, Object: report.Object{Kind: report.KindLink, Change: report.Changed, Before: device(1500), After: device(1000)}},
			"the MTU of eth0 was changed from 1500 to 1000",
		}, {
			report.Trigger{Op: report.Changed, Object: report.Object{Kind: report.KindAddress, Change: report.Changed, Before: tentative, After: address("2001:db8::2/64")}},
			"duplicate address detection of the address 2001:db8::2/64 dev eth0 is over",
		},
	} {
		if got := triggerWords(&c.trigger); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

// TestShortGap checks what is said of a time without a record that is too short to be written.
func TestShortGap(t *testing.T) {
	at := time.Date(2026, 7, 30, 2, 13, 7, 0, time.Local)
	clock := func(at time.Time) string { return at.Format(time.TimeOnly) }
	for late, want := range map[time.Duration]string{
		time.Millisecond: "nothing was recorded for a moment at 02:13:07",
		time.Second:      "nothing was recorded from 02:13:07 to 02:13:08",
	} {
		if got := NotRecorded(&report.Turn{Time: at.Add(late), NotRecorded: at}, clock); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}
