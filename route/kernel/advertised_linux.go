package kernel

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"routewhy/route"
)

// default6 is an IPv6 default route by a gateway, with what a dump does not show.
type default6 struct {
	gateway netip.Addr
	dev     string
	metric  uint32
	made    bool // the kernel itself made it from a router advertisement
}

// The flags that say so (linux/ipv6_route.h). rt6_purge_dflt_routers looks at them.
const (
	rtfDefault  = 0x00010000
	rtfAddrConf = 0x00040000
)

// byProgram reports whether a default route that could be the kernel's is known to be a
// program's. If the file that tells cannot be read, it is not known.
func (r *reader) byProgram(one *route.Route) bool {
	if r.defaults == nil {
		r.defaults = []default6{}
		_ = r.host.inside(func() error { // without the file, nothing is known
			file, err := os.Open("/proc/thread-self/net/ipv6_route")
			if err != nil {
				return err
			}
			defer file.Close()
			r.defaults = defaults6Of(bufio.NewScanner(file))
			return nil
		})
	}
	h := &one.NextHops[0]
	l := r.snap.Link(h.Link)
	programs := false
	for _, d := range r.defaults {
		if l == nil || d.gateway != h.Gateway || d.dev != l.Name || d.metric != one.Metric {
			continue
		}
		if d.made {
			return false
		}
		programs = true
	}
	return programs
}

// mostLines is how many lines of the file are read at most. Each table has its default routes
// first.
const mostLines = 1 << 16

// defaults6Of are the default routes in the text of /proc/net/ipv6_route
// (ipv6_route_native_seq_show in net/ipv6/ip6_fib.c). A line has, in hexadecimal digits, the
// destination and its length, the source and its length, the gateway, the metric, two counters
// and the flags. The device comes last.
func defaults6Of(lines *bufio.Scanner) []default6 {
	out := []default6{}
	for n := 0; n < mostLines && lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) != 10 || f[1] != "00" {
			continue
		}
		raw, err := hex.DecodeString(f[4])
		gateway, ok := netip.AddrFromSlice(raw)
		metric, err1 := strconv.ParseUint(f[5], 16, 32)
		flags, err2 := strconv.ParseUint(f[8], 16, 32)
		if err != nil || err1 != nil || err2 != nil || !ok || gateway.IsUnspecified() {
			continue
		}
		out = append(out, default6{gateway, f[9], uint32(metric), flags&(rtfDefault|rtfAddrConf) != 0})
	}
	return out
}
