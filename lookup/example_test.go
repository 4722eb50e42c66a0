package lookup_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/load"
)

// What someone pasted into a ticket.
const pasted = `
$ ip address
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    inet 192.0.2.2/24 scope global eth0
$ ip rule
0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
$ ip route
default via 192.0.2.1 dev eth0 metric 100
default via 192.0.2.9 dev eth0 metric 600
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2
`

func pastedHost() *route.Snapshot {
	read, err := load.Files(strings.NewReader(pasted), load.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	s := read.Snapshot
	s.Routes = read.Routes.Slice()
	return s
}

// Where one packet goes.
func ExampleFIB_Lookup() {
	fib := lookup.New(pastedHost())
	d := fib.Lookup(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
	fmt.Println(d.Disposition, "by", d.Route.Dst, "via", d.NextHops[0].Gateway, "from", d.Src)
	// Output:
	// unicast by 0.0.0.0/0 via 192.0.2.1 from 192.0.2.2
}

// Why it goes there: each rule, each route that covers it, and what each lost by.
func ExampleFIB_Explain() {
	fib := lookup.New(pastedHost())
	t := fib.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
	for _, rule := range t.Rules {
		fmt.Println("rule", rule.Rule.Priority, rule.Verdict)
		for _, c := range rule.Candidates {
			fmt.Println(" ", c.Route.Dst, "metric", c.Route.Metric, c.Verdict, c.Reason.Code)
		}
	}
	fmt.Println("after it, via", t.Next.NextHops[0].Gateway)
	// Output:
	// rule 0 continue
	// rule 32766 match
	//   0.0.0.0/0 metric 100 chosen lowest-metric
	//   0.0.0.0/0 metric 600 loses higher-metric
	// rule 32767 not-reached
	// after it, via 192.0.2.9
}

// From a large source, only what the questions need is held.
func ExampleRead() {
	read, err := load.Files(strings.NewReader(pasted), load.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	dst := netip.MustParseAddr("8.8.8.8")
	fib, err := lookup.Read(context.Background(), read.Source(), &lookup.Need{
		Query: route.Query{Family: route.IPv4},
		About: func(p netip.Prefix) bool { return p.Contains(dst) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fib.Lookup(route.Flow{Dst: dst}).Disposition, fib.Partial())
	// Output:
	// unicast false
}

// Which packets a rule takes: the inverse of a look-up. Each is as like the given packet
// as can be, and was looked up.
func ExampleSolver() {
	s := pastedHost()
	rule := route.Rule{Family: route.IPv4, Priority: 100, Action: route.ActionTable, Table: route.TableMain, SuppressPrefixLen: -1, SuppressGroup: -1}
	rule.Selector.Mark, rule.Selector.MarkMask = 0x1, 0xff
	s.Rules = slices.Insert(s.Rules, 1, rule)
	fib := lookup.New(s)
	found := fib.Solver().ByRule(&s.Rules[1], route.Flow{Dst: netip.MustParseAddr("8.8.8.8"), UID: route.NoUID})
	fmt.Printf("mark %#x to %s\n", found.Packets[0].Mark, found.Packets[0].Dst)
	// Output:
	// mark 0x1 to 8.8.8.8
}
