package kernel

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

// TestReadOrder reads the order of devices. Here it is the order in which they were
// made; it is not the order of their indexes, and not the order of their addresses.
// Labels can be chosen freely. The addresses of w0 count too, although it is down.
func TestReadOrder(t *testing.T) {
	isolate(t)
	ip(t, `
link set lo up
link add v0 index 90 type veth peer name v0p index 91
link add w0 index 40 type veth peer name w0p index 41
link set v0 up
addr add 10.0.1.1/24 dev w0 label w0:1
addr add 10.0.0.1/24 dev v0
addr add 10.0.0.5/24 dev v0 label v0:5
addr add 10.0.9.1/24 dev v0p scope link
`)
	want := [][]int{{1, 91, 90, 40}}
	if diff := cmp.Diff(want, read(t, open(t), route.Query{Family: route.IPv4}).Order); diff != "" {
		t.Errorf("IPv4 (-want +got):\n%s", diff)
	}
	if got := read(t, open(t), route.Query{Family: route.IPv6}).Order; got != nil {
		t.Errorf("without addresses: %v", got)
	}
	ip(t, `
addr add 2001:db8:b::1/64 dev w0 nodad
addr add fe80::1/64 dev v0p nodad
`)
	if got := read(t, open(t), route.Query{Family: route.IPv6}).Order; got != nil {
		t.Errorf("of one device with addresses: %v", got)
	}
	ip(t, `addr add 2001:db8:a::1/64 dev v0 nodad`)
	want = append(want, []int{1, 91, 90, 41, 40})
	if diff := cmp.Diff(want, read(t, open(t), route.Query{}).Order); diff != "" {
		t.Errorf("both (-want +got):\n%s", diff)
	}
}

// TestReadOrderSameLabels has two devices that have the same address with the same
// label. They cannot be distinguished, so both are left out.
func TestReadOrderSameLabels(t *testing.T) {
	devices := []route.Addr{addr4(90, "10.0.0.1/24", "x"), addr4(40, "10.0.0.1/24", "x"), addr4(50, "10.0.0.2/24", "x"), addr4(60, "10.0.0.3/24", "y")}
	r := &reader{snap: &route.Snapshot{Addrs: devices}}
	if got := r.orderOfRequests(requests("x", "10.0.0.1", "y", "10.0.0.3", "x", "10.0.0.2", "x", "10.0.0.1"), 40); !cmp.Equal(got, []int{60, 50}) {
		t.Errorf("%v", got)
	}
	if got := r.orderOfRequests(requests("y", "10.0.0.3", "x", "10.0.0.2", "y", "10.0.0.3"), 40); got != nil {
		t.Errorf("a device in two places: %v", got)
	}
}

func addr4(link int, prefix, label string) route.Addr {
	return route.Addr{Link: link, Prefix: netip.MustParsePrefix(prefix), Label: label}
}

// requests are struct ifreq with labels and addresses.
func requests(all ...string) []byte {
	var b []byte
	for ; len(all) > 0; all = all[2:] {
		one := make([]byte, 40)
		copy(one, all[0])
		copy(one[20:], netip.MustParseAddr(all[1]).AsSlice())
		b = append(b, one...)
	}
	return b
}
