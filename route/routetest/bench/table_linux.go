package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"

	"routewhy/route/routetest/internet"
)

// writeRoutes writes the full table as lines for `ip -batch`. The routes of each family
// go over three gateways.
func writeRoutes(out io.Writer) error {
	prefixes, err := internet.Prefixes()
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	for i, p := range prefixes {
		via := [...]string{"192.0.2.1 dev v0", "198.51.100.1 dev w0", "203.0.113.1 dev x0"}[i%3]
		if p.Addr().Is6() {
			via = [...]string{"2001:db8:1::1 dev v0", "2001:db8:2::1 dev w0", "2001:db8:3::1 dev x0"}[i%3]
		}
		fmt.Fprintf(w, "route replace %s via %s\n", p, via)
	}
	return w.Flush()
}

// writeAddresses writes random IPv4 addresses, one on each line.
func writeAddresses(out io.Writer) error {
	rng := rand.New(rand.NewPCG(7, 7))
	w := bufio.NewWriter(out)
	for range addresses {
		fmt.Fprintln(w, internet.Addr4(rng))
	}
	return w.Flush()
}
