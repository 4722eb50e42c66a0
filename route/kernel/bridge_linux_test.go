package kernel

import (
	"os/exec"
	"testing"

	"routewhy/route"
)

// TestReadPorts reads by which ports of a bridge its neighbours are reached. The hardware
// address of one is in the forwarding table, that of the other is not.
func TestReadPorts(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
link add b0 type bridge
link set v0 master b0
link set w0 master b0
link set b0 up
addr add 10.5.0.1/24 dev b0
link add m0 link b0 type macvlan mode bridge
link set m0 up
neigh add 10.5.0.2 lladdr 02:00:00:00:00:01 dev b0 nud permanent
neigh add 10.5.0.3 lladdr 02:00:00:00:00:03 dev b0 nud permanent
neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev m0 nud permanent
`)
	for mac, dev := range map[string]string{"02:00:00:00:00:01": "w0", "02:00:00:00:00:02": "v0"} {
		if err := exec.Command("bridge", "fdb", "add", mac, "dev", dev, "master", "dynamic").Run(); err != nil {
			missing(t, "bridge(8)", err)
		}
	}
	s := read(t, open(t), route.Query{AllDevices: true})
	want := map[string]string{"10.5.0.2": "w0", "10.5.0.3": "", "10.7.0.2": "v0"}
	for i := range s.Neighbours {
		n := &s.Neighbours[i]
		dev, about := want[n.Addr.String()]
		if port := s.Link(n.Port); about && (port == nil) != (dev == "") || port != nil && port.Name != dev {
			t.Errorf("%s: port %d, want %q", n.Addr, n.Port, dev)
		}
		delete(want, n.Addr.String())
	}
	if len(want) > 0 {
		t.Errorf("not read: %v", want)
	}
}
