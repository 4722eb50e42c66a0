package command_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// TestTuntapDel deletes TUN devices that a program has open, and others. TUNSETIFF takes no
// device that another program has (tun_attach).
func TestTuntapDel(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags route.LinkFlags
		idle  route.Tristate
		errno route.Errno
	}{
		{"up and open", route.LinkUp | route.LinkRunning | route.LinkLowerUp, route.Unknown, route.EBUSY},
		{"down and open", 0, route.Yes, route.EBUSY},
		{"up and not open", route.LinkUp, route.Unknown, 0},
		{"down and not open", 0, route.No, 0},
	} {
		tun := route.Link{Index: 2, Name: "tun0", Kind: "tun", Flags: c.flags | route.LinkPointopoint | route.LinkNoARP, IdleCarrier: c.idle, MTU: 1500, PeerNetNS: -1}
		run := &command.Run{After: change.New(lookup.New(&route.Snapshot{Release: "6.18.0", Links: []route.Link{tun}}))}
		if err := run.Do(&command.Script{Lines: command.Lines("ip tuntap del tun0 mode tun")}); err != nil {
			t.Fatal(err)
		}
		errno := route.Errno(0)
		if no := run.Steps[0].KernelSays; no != nil {
			errno = no.Errno
		}
		if errno != c.errno {
			t.Errorf("%s: errno %d, want %d", c.name, errno, c.errno)
		}
	}
}
