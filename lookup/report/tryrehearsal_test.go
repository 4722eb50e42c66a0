package report_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestHeard holds what the kernel said in a rehearsal against what was expected.
func TestHeard(t *testing.T) {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	s := change.New(lookup.New(&route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: up}},
		Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules: route.DefaultRules(route.IPv4),
	}))
	trial := func(line string) *report.Trial {
		run := &command.Run{After: s}
		if err := run.Do(&command.Script{Lines: command.Lines(line)}); err != nil {
			t.Fatal(err)
		}
		return &report.Trial{Report: new(report.Try), Run: run, Before: s}
	}
	exists := report.TryVerdict{Errno: route.EEXIST}
	for _, c := range []struct {
		name, line        string
		said              report.KernelSaid
		rehearsed, agrees bool
		status            report.Status
	}{
		{"agrees", "ip route add 10.0.0.0/8 dev eth0", report.KernelSaid{Expected: make([]report.TryVerdict, 1), Answers: make([]report.TryVerdict, 1)}, true, true, report.StatusAnswered},
		{"refuses", "ip route add 10.0.0.0/8 dev eth0", report.KernelSaid{Expected: make([]report.TryVerdict, 1), Answers: []report.TryVerdict{exists}}, true, false, report.StatusDisagrees},
		{"ends otherwise", "ip route add 10.0.0.0/8 dev eth0", report.KernelSaid{
			Expected: make([]report.TryVerdict, 1), Answers: make([]report.TryVerdict, 1),
			Differs: []change.Leftover{{Code: change.LeftRoute, Prefix: netip.MustParsePrefix("10.0.0.0/8"), Table: route.TableMain}},
		}, true, false, report.StatusDisagrees},
		{"another host", "ip route add 10.0.0.0/8 dev eth0", report.KernelSaid{Expected: []report.TryVerdict{exists}, Answers: []report.TryVerdict{exists}}, false, false, report.StatusAnswered},
		{"not asked", "ip route add 10.0.0.0/8 dev eth0", report.KernelSaid{Why: "no namespace"}, false, false, report.StatusAnswered},
	} {
		x := trial(c.line)
		x.Heard(&c.said)
		if k := x.Report.Kernel; k.Rehearsed != c.rehearsed || k.Agrees != c.agrees || k.Rehearsed != (k.Why == "") || x.Report.Status() != c.status {
			t.Errorf("%s: %+v, status %v", c.name, k, x.Report.Status())
		}
	}
}
