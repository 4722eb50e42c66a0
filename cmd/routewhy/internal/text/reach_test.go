package text

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup/listen"
	"routewhy/lookup/report"
)

// TestOwnOf checks that the result for similar addresses is worked out only once, even
// if their classes do not share the list of addresses, as after JSON. Other addresses
// keep their own result.
func TestOwnOf(t *testing.T) {
	const devices = 300
	answered := true
	host := func(a string) report.HostAddr {
		addr := netip.MustParseAddr(a)
		return report.HostAddr{Prefix: netip.PrefixFrom(addr, addr.BitLen())}
	}
	x := &report.Exposed{}
	var all []report.HostAddr
	for i := range devices {
		a := host(fmt.Sprintf("10.0.%d.%d", i/100, i%100))
		all = append(all, a)
		x.Addresses = append(x.Addresses, report.ExposedAddress{Address: a, Dev: fmt.Sprint("v", i), Reach: listen.ReachNear})
	}
	add := func(dev string, addresses []report.HostAddr, client string) {
		x.Classes = append(x.Classes, report.ClientClass{
			Addresses: addresses, Uplink: dev, Clients: []netip.Prefix{netip.MustParsePrefix(client)}, Delivered: &answered, Answered: &answered, By: []string{dev},
		})
	}
	for i := range devices {
		add(fmt.Sprint("v", i), all, "0.0.0.0/0")
	}
	// The same link-local address of two devices, and one that nobody else reaches.
	local := host("fe80::1")
	for _, dev := range []string{"v0", "v1"} {
		x.Addresses = append(x.Addresses, report.ExposedAddress{Address: local, Dev: dev, Reach: listen.ReachNear})
		add(dev, []report.HostAddr{local}, "::/0")
	}
	x.Addresses = append(x.Addresses, report.ExposedAddress{Address: host("127.0.0.1"), Dev: "lo", Reach: listen.ReachHost})
	encoded, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	back := new(report.Exposed)
	if err := json.Unmarshal(encoded, back); err != nil {
		t.Fatal(err)
	}
	for name, exposed := range map[string]*report.Exposed{"report": x, "JSON": back} {
		made := map[*reached]bool{}
		own := ownOf(exposed, false)
		for _, o := range own {
			made[o.reached] = true
		}
		if len(made) != 4 {
			t.Errorf("%s: worked out %d times", name, len(made))
		}
		for i, want := range map[int]string{
			0:           "[{from v0, v1, v2 and 297 more devices: anyone }]",
			devices:     "[{from v0: its link }]",
			devices + 1: "[{from v1: its link }]",
			devices + 2: "[{this host alone }]",
		} {
			if got := own[i].text; got != want {
				t.Errorf("%s: %s: %s, want %s", name, own[i].Address, got, want)
			}
		}
	}
}
