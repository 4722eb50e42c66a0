package route_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"strings"

	"routewhy/route"
	"routewhy/route/load"
)

// Facts can be read from any source. Here the source is a listing that someone pasted. A
// host's kernel, opened with route/kernel, is read in the same way.
func ExampleSource() {
	read, err := load.Files(strings.NewReader(`
$ ip route show table all
default via 192.0.2.1 dev eth0
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2
10.0.0.0/8 via 192.0.2.7 dev eth0 table 100
`), load.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	var src route.Source = read.Source()
	snapshot, err := src.Read(context.Background(), route.Query{Family: route.IPv4, Table: route.TableMain})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range snapshot.Routes {
		fmt.Println(r.Dst, "by", snapshot.LinkName(r.NextHops[0].Link))
	}
	// Output:
	// 0.0.0.0/0 by eth0
	// 192.0.2.0/24 by eth0
}

// A snapshot is written as JSON, and says what it lacks.
func ExampleSnapshot_EncodeWith() {
	s := &route.Snapshot{
		Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp}},
		Gaps:  []route.Gap{{Fact: route.FactSysctls, Why: "permission denied"}},
	}
	routes := route.ListOf([]route.Route{{
		Table: route.TableMain, Dst: netip.MustParsePrefix("0.0.0.0/0"), Type: route.TypeUnicast,
		NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr("192.0.2.1")}},
	}})
	var text strings.Builder
	if err := s.EncodeWith(&text, routes); err != nil {
		log.Fatal(err)
	}
	again, err := route.Decode(strings.NewReader(text.String()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, len(again.Routes), "route; settings:", again.WhyLacks(route.FactSysctls, route.IPv4))
	// Output:
	// 1 route; settings: permission denied
}
