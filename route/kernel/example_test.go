package kernel_test

import (
	"context"
	"fmt"
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
)

// This example makes a decision from the state of the running host, and compares it with
// the kernel's own answer. On a system that is not Linux, Open fails.
func Example() {
	ctx := context.Background()
	host, err := kernel.Open("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer host.Close()
	snapshot, err := host.Read(ctx, route.Query{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fib := lookup.New(snapshot)
	trace := fib.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8"), Proto: 17})
	answer, err := host.Resolve(ctx, trace.Flow)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trace.Decision.Disposition, fib.Compare(&trace.Flow, &trace.Decision, &answer).Agrees)
}
