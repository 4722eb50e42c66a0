package route_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

// TestNamesOfBytes saves names and reads them again. The names are not valid UTF-8, or
// contain the characters that such names are written with.
func TestNamesOfBytes(t *testing.T) {
	names := []string{"eth\xff", "eth\xfe", "eth\U0010ffff", "eth\ufffd", "\xc3", "\xf4\x8f\xbf", "ü"}
	want := &route.Snapshot{Sysctls: route.Sysctls{}, Names: route.Names{Tables: map[route.Table]string{}}}
	for i, name := range names {
		want.Links = append(want.Links, route.Link{Index: i + 1, Name: name, PeerNetNS: -1})
		want.Rules = append(want.Rules, route.Rule{
			Family: route.IPv4, Action: route.ActionTable, Table: 254, Selector: route.Selector{In: name, Out: name},
			SuppressPrefixLen: -1, SuppressGroup: -1,
		})
		want.Sockets = append(want.Sockets, route.Socket{Proto: 6, Family: route.IPv4, Local: netip.MustParseAddrPort("0.0.0.0:80"), Owners: []route.Process{{PID: 1, Name: name}}})
		want.Names.Tables[route.Table(i+1)] = name
		want.Sysctls[route.ConfPath(route.IPv4, name, "rp_filter")] = "1"
	}
	before := want.Links[0].Name
	var b bytes.Buffer
	if err := want.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if want.Links[0].Name != before {
		t.Error("writing changed the snapshot")
	}
	got, err := route.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, comparing()); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}
