package kernel

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

var capture = flag.Bool("capture", false, "write testdata/*.hex anew from the running kernel")

// everything makes a namespace with something of each kind.
const everything = twoDevices + `
link set dev w0 group 7
link add br0 type bridge
link add vx0 type vxlan id 7 dstport 4789
addr add 10.0.2.1 peer 10.0.2.2/30 dev v0 valid_lft 1000 preferred_lft 500
neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev v0
neigh add 2001:db8:a::2 lladdr 02:00:00:00:00:02 nud stale dev v0
addrlabel add prefix 2001:db8::/32 dev v0 label 99
nexthop add id 1 via 10.0.0.2 dev v0
nexthop add id 3 via 2001:db8:a::2 dev v0
nexthop add id 4 blackhole
nexthop add id 10 group 1/3,2
nexthop add id 11 group 1,2/3 type resilient buckets 16
route add default via 10.0.0.2 metric 50 src 10.0.1.1 mtu lock 1400 realm 3
route add 0.0.0.0/32 dev v0 table 70000
route add 10.2.0.0/16 tos 0x10 dev w0 scope link
route add 10.4.0.0/16 via inet6 2001:db8:a::2 dev v0
route add 10.5.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via inet6 fe80::9 dev w0 weight 256
route add blackhole 10.6.0.0/16
route add 10.7.0.0/16 nhid 10
route add 10.10.0.0/16 encap ip id 5 dst 192.0.2.9 via 10.0.0.2
route add default via 2001:db8:a::2 pref high
route add 2001:db8:1::/48 from 2001:db8:a::/64 dev v0 metric 7
route add 2001:db8:2::/48 dev v0 expires 300
route add 2001:db8:3::/48 nexthop via 2001:db8:a::2 weight 2 nexthop via 2001:db8:b::2 dev w0 weight 5
route add unreachable 2001:db8:5::/48
route add 2001:db8:6::/48 nhid 3
rule add prio 100 not from 10.0.0.0/8 to 192.0.2.0/24 iif v0 oif nosuch fwmark 1/0xff tos 0x10 table 1000
rule add prio 101 uidrange 0-5 ipproto tcp sport 80 dport 1-9 table main suppress_prefixlength 0 suppress_ifgroup 7
rule add prio 102 goto 200
rule add prio 103 l3mdev
rule add prio 104 tun_id 77 prohibit
`

func TestCapture(t *testing.T) {
	if !*capture {
		t.Skip("without -capture")
	}
	isolate(t)
	ip(t, everything)
	addRule(t, [8]byte{afInet6, 0, 0, 0, 100, 0, 0, 1}, 0, attr32(fraPriority, 165), attr8(fraDSCP, 8),
		attr8(fraDSCPMask, 0x38), attr(fraFlowLabel, be32(0x12300)), attr(fraFlowLabelMask, be32(0xfff00)),
		attr(fraSportRange, u16(0x100), u16(0x100)), attr16(fraSportMask, 0xff00))
	h := open(t)
	dumps := map[string]struct {
		typ  uint16
		size int
	}{
		"link": {unix.RTM_GETLINK, sizeofIfInfomsg}, "addr": {unix.RTM_GETADDR, sizeofIfAddrmsg},
		"neigh": {unix.RTM_GETNEIGH, sizeofNdMsg}, "label": {unix.RTM_GETADDRLABEL, sizeofIfAddrLblMsg},
		"rule": {unix.RTM_GETRULE, sizeofFibRuleHdr}, "nexthop": {unix.RTM_GETNEXTHOP, sizeofNhMsg},
		"route": {unix.RTM_GETROUTE, sizeofRtMsg},
	}
	for kind, d := range dumps {
		var msgs [][]byte
		families := []byte{afInet, afInet6}
		if kind == "nexthop" { // groups have no family
			families = []byte{0}
		}
		for _, af := range families {
			body := make([]byte, d.size)
			body[0] = af
			_, err := h.dumps.dump(context.Background(), d.typ, body, func(_ uint16, msg []byte) error {
				if !slices.ContainsFunc(msgs, func(b []byte) bool { return bytes.Equal(b, msg) }) {
					msgs = append(msgs, bytes.Clone(msg))
				}
				return nil
			})
			if err = ignoreAbsent(err); err != nil {
				t.Fatal(kind, err)
			}
		}
		writeSeeds(t, kind, msgs)
	}
	var answers [][]byte
	for _, dst := range []string{"0.0.0.0", "8.8.8.8", "10.0.0.1", "10.4.0.1", "10.5.0.1", "10.10.0.1", "239.1.1.1", "2001:db8:2::1", "2001:db8:3::1", "::1"} {
		body, err := encodeFlow(&route.Flow{Dst: addr(dst), UID: 1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		replies, err := h.ask(context.Background(), body)
		if err != nil || replies[0].err != nil {
			t.Fatal(dst, err, replies)
		}
		answers = append(answers, replies[0].body)
	}
	writeSeeds(t, "answer", answers)
}

func writeSeeds(t *testing.T, kind string, msgs [][]byte) {
	t.Helper()
	var b bytes.Buffer
	for _, m := range msgs {
		b.WriteString(hex.EncodeToString(m) + "\n")
	}
	if err := os.WriteFile("testdata/"+kind+".hex", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
