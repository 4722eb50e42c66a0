package kernel

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// readRedirects adds what the kernel has learnt from ICMP redirects. It is a part of the
// exceptions to routes, which a dump has if it asks for cloned routes.
func (h *Host) readRedirects(ctx context.Context, snap *route.Snapshot, w *route.Query) error {
	s, err := h.dumpSocket()
	if err != nil {
		return err
	}
	may := h.Redirects()
	for _, f := range w.Families() {
		if !may[f] {
			continue
		}
		body := make([]byte, sizeofRtMsg)
		body[0] = afOf(f)
		binary.NativeEndian.PutUint32(body[8:], unix.RTM_F_CLONED)
		_, err := s.dump(ctx, unix.RTM_GETROUTE, body, func(typ uint16, msg []byte) error {
			if r, ok := decodeRedirect(msg, f); ok && typ == unix.RTM_NEWROUTE && len(snap.Learnt) < maxMarkers {
				snap.Learnt = append(snap.Learnt, r)
			}
			return nil
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var refused *refusal
		if err != nil && !(errors.As(err, &refused) && isAbsent(refused)) {
			snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactRedirects, Family: f, Why: why(err)})
		}
	}
	return nil
}

// decodeRedirect decodes an exception to a route; false: it is no redirect. IPv6 does not
// mark redirects, and has only one other kind of exception: a path MTU, which expires
// (rt6_do_redirect and __ip6_rt_update_pmtu in net/ipv6/route.c).
func decodeRedirect(msg []byte, f route.Family) (r route.Redirect, ok bool) {
	if len(msg) < sizeofRtMsg || familyOf(msg[0]) != f {
		return r, false
	}
	flags := binary.NativeEndian.Uint32(msg[8:])
	if flags&unix.RTM_F_CLONED == 0 || f == route.IPv4 && flags&rtcfRedirected == 0 && msg[5] != unix.RTPROT_REDIRECT {
		return r, false
	}
	lasting := true
	for a := (attrs{rest: msg[sizeofRtMsg:]}); a.next(); {
		switch a.typ {
		case unix.RTA_DST:
			r.Dst = a.addr(f)
		case unix.RTA_GATEWAY:
			r.Gateway = a.addr(f)
		case unix.RTA_OIF:
			r.Link = int(a.u32())
		case unix.RTA_CACHEINFO:
			lasting = f == route.IPv4 || decodeExpiry(&a) == 0
		}
	}
	return r, lasting && r.Dst.IsValid() && r.Gateway.IsValid()
}

// Redirects says in which families this namespace has received an ICMP redirect
// (InRedirects of /proc/net/snmp, Icmp6InRedirects of /proc/net/snmp6). Only then may
// the kernel send packets to other gateways than those of its routes. A dump does not
// show such a gateway before a packet was sent to it, but [Host.Resolve] does. A counter
// that cannot be read is treated as not zero.
func (h *Host) Redirects() map[route.Family]bool {
	may := map[route.Family]bool{route.IPv4: true, route.IPv6: true}
	_ = h.inside(func() error {
		for f, c := range map[route.Family]struct{ file, counter string }{
			route.IPv4: {"snmp", "InRedirects"},
			route.IPv6: {"snmp6", "Icmp6InRedirects"},
		} {
			if n, ok := counter("/proc/thread-self/net/"+c.file, c.counter); ok {
				may[f] = n != "0"
			}
		}
		return nil
	})
	return may
}

// counter finds a counter by its name in a file. The file has lines "NAME VALUE", or
// pairs of lines: the first with the names, the second with the values.
func counter(file, name string) (value string, found bool) {
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	var heading []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 2 && words[0] == name {
			return words[1], true
		}
		for i := range words {
			if i < len(heading) && heading[i] == name && words[0] == heading[0] {
				return words[i], true
			}
		}
		heading = words
	}
	return "", false
}
