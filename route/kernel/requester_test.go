package kernel

import "testing"

// TestUnitOf finds the unit or the container that control groups name.
func TestUnitOf(t *testing.T) {
	const id = "4f1b0c9a7d3e4f1b0c9a7d3e4f1b0c9a7d3e4f1b0c9a7d3e4f1b0c9a7d3e4f1b"
	for _, c := range []struct{ cgroups, unit, container string }{
		{"0::/system.slice/NetworkManager.service\n", "NetworkManager.service", ""},
		{"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope", ""},
		{"0::/\n", "", ""},
		{"", "", ""},
		{"nonsense", "", ""},
		{"0::/system.slice/docker-" + id + ".scope\n", "", id[:12]},
		{"12:pids:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n", "", id[:12]},
		{"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope\n", "", id[:12]},
		{"0::/machine.slice/libpod-" + id + ".scope/container\n", "", id[:12]},
		{"0::/lxc.payload.web/system.slice/cron.service\n", "", "web"},
		{"0::/machine.slice/machine-de\\x2dbian.scope\n", "", "de-bian"},
		{"4:memory:/system.slice/a.service\n1:name=systemd:/system.slice/b.service\n0::/\n", "b.service", ""},
	} {
		if unit, container := unitOf(c.cgroups); unit != c.unit || container != c.container {
			t.Errorf("%q: %q, %q; want %q, %q", c.cgroups, unit, container, c.unit, c.container)
		}
	}
}

// TestRouteSockets finds the NETLINK_ROUTE sockets among all netlink sockets, by their ports.
func TestRouteSockets(t *testing.T) {
	got := routeSockets(`sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000340602f9 0   0          00000000 0        0        0     2        0        4
00000000340602fa 0   812        000005d5 0        0        0     2        0        31022
00000000340602fb 0   4294963199 00000000 0        0        0     2        0        31023
00000000340602fc 0   -4098      00000000 0        0        0     2        0        31024
00000000340602fd 15  813        00000000 0        0        0     2        0        31025
short 0 1
`)
	if len(got) != 3 || got[812] != 31022 || got[4294963199] != 31023 || got[4294963198] != 31024 {
		t.Errorf("%v", got)
	}
}

// TestInnermost finds the ID that a process in a PID namespace itself sees: the last of its IDs.
func TestInnermost(t *testing.T) {
	for status, want := range map[string]uint32{
		"Name:\tip\nNSpid:\t4711\t7\nPPid:\t1\n": 7, "Name:\tip\nNSpid:\t4711\n": 4711, "Name:\tip\n": 0, "NSpid:\n": 0,
	} {
		if got := innermost(status); got != want {
			t.Errorf("%q: %d; want %d", status, got, want)
		}
	}
}
