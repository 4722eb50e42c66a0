package lookup_test

import (
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestConcurrent asks one FIB everything from several goroutines: it never changes, which
// the race detector sees, and each gets the answers that a FIB of its own gives.
func TestConcurrent(t *testing.T) {
	marked := to(10, 100)
	marked.Selector.Mark, marked.Selector.MarkMask = 1, 1
	routes := append(locals(), via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3, table(100)), legs("203.0.113.0/24"))
	host := hostOf(routes, append([]route.Rule{marked}, defaultRules()...)...)
	host.Gaps = append(host.Gaps, route.Gap{Fact: route.FactSysctls}) // look-ups suppose settings
	ask := func(f *lookup.FIB) []any {
		var out []any
		for _, flow := range []route.Flow{
			{Dst: netip.MustParseAddr("203.0.113.9")},
			{Dst: netip.MustParseAddr("8.8.8.8"), Mark: 1},
			{Dst: netip.MustParseAddr("8.8.8.8"), Src: netip.MustParseAddr("198.51.100.9"), In: 3},
		} {
			tr := f.Explain(flow)
			notes := f.Notes(tr)
			c := f.Compare(&flow, &tr.Decision, &route.Answer{Asked: true, Errno: route.EINVAL})
			out = append(out, tr.Decision.Disposition, tr.Unread, len(notes), c.Agrees, len(f.ReplyOf(tr, nil).Returns), f.Connect(flow).Decision.Disposition)
		}
		for _, s := range f.EntryStatuses(route.IPv4.Default()) {
			out = append(out, s.Status, s.If)
		}
		return out
	}
	shared, want := lookup.New(host), ask(lookup.New(host))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got := ask(shared); !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
	all.Wait()
}
