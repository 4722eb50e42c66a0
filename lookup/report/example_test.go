package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/netip"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route/load"
)

// What JSON says of a packet, from a listing that someone sent.
func ExampleAsk() {
	read, err := load.Files(strings.NewReader(`
$ ip address
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    inet 192.0.2.2/24 scope global eth0
$ ip rule
0:	from all lookup local
32766:	from all lookup main
$ ip route
default via 192.0.2.1 dev eth0
`), load.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	q := &report.Question{To: []report.Destination{{Addr: netip.MustParseAddr("8.8.8.8")}}}
	all, err := report.Ask(context.Background(), read.Source(), q)
	if err != nil {
		log.Fatal(err)
	}
	e := all[0].(*report.Explanation)
	fmt.Println(e.Disposition, "by", e.Route.Line(), "from", e.Src, "- exit status", e.Status())
	for _, t := range e.Trace {
		reason, err := json.Marshal(t.Reason)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("rule", t.Rule.Priority, t.Verdict, string(reason))
	}
	// Output:
	// unicast by 0.0.0.0/0 via 192.0.2.1 dev eth0 from 192.0.2.2 - exit status 0
	// rule 0 continue {"code":"table-no-match","have":5}
	// rule 32766 match {"code":"decided"}
}
