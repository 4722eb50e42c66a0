package text

import (
	"bytes"
	"net/netip"
	"testing"

	"routewhy/lookup/coverage"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestDiffJSON: the JSON of what differs, which is written a row at a time, is the same as
// that of all at once.
func TestDiffJSON(t *testing.T) {
	host := func(gateway string, rules ...route.Rule) *coverage.Host {
		return coverage.HostOf(&route.Snapshot{
			Links: []route.Link{{Index: 2, Name: "e<0>", Flags: route.LinkUp | route.LinkLowerUp}},
			Rules: append(rules, route.DefaultRules(route.IPv4)...),
			Routes: []route.Route{{
				Type: route.TypeUnicast, Table: route.TableMain, Dst: netip.MustParsePrefix("10.0.0.0/8"),
				NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr(gateway)}},
			}},
		})
	}
	marked := route.Rule{Family: route.IPv4, Priority: 9, Action: route.ActionTable, Table: 7, SuppressPrefixLen: -1, SuppressGroup: -1}
	marked.Selector.Mark, marked.Selector.MarkMask = 1, 0xffffffff
	for _, after := range []*coverage.Host{host("192.0.2.1"), host("192.0.2.2"), host("192.0.2.1", marked), host("192.0.2.2", marked)} {
		d := report.NewDiff(host("192.0.2.1"), after, []route.Family{route.IPv4})
		var rows, whole bytes.Buffer
		if err := DiffJSON(&rows, d); err != nil {
			t.Fatal(err)
		}
		if err := WriteJSON(&whole, []any{d}); err != nil {
			t.Fatal(err)
		}
		if want := withoutText(whole.Bytes()); !bytes.Equal(withoutText(rows.Bytes()), want) {
			t.Errorf("rows:\n%s\nwhole:\n%s", rows.Bytes(), want)
		}
	}
}

// withoutText are lines of JSON except for those of objects' texts, which the printer adds.
func withoutText(all []byte) []byte {
	var out []byte
	for line := range bytes.Lines(all) {
		if !bytes.HasPrefix(line, []byte(`        "text":`)) {
			out = append(out, line...)
		}
	}
	return out
}
