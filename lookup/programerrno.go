package lookup

import "routewhy/route"

// ProgramErrno is the error that connect(2) or sendto(2) gives a program for a packet of
// this host, in place of the error of a decision; zero: it gives the same error.
// [Decision].Errno is what RTM_GETROUTE gives.
//
// A program that has no IPv6 source asks for one even if there is no route. If no device has
// an address to choose from, it gets EADDRNOTAVAIL (ip6_dst_lookup_tail in
// net/ipv6/ip6_output.c). The addresses of the host must have been read.
func (f *FIB) ProgramErrno(flow *route.Flow, d *Decision) route.Errno {
	given := flow.Src.IsValid() && !flow.Src.IsUnspecified()
	if d.Errno == 0 || d.Shortcut != "" || flow.Family() != route.IPv6 || flow.In != 0 || given || f.vrf(flow.Out) != 0 {
		return 0
	}
	for _, dev := range f.devices {
		for _, a := range dev.addrs6 {
			if candidate6(a) {
				return 0
			}
		}
	}
	return route.EADDRNOTAVAIL
}
