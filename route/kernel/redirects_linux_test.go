package kernel

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// TestDecodeRedirect tells redirects from other exceptions to routes: IPv4 has a flag, and in
// IPv6 an exception that expires is a path MTU.
func TestDecodeRedirect(t *testing.T) {
	for _, c := range []struct {
		name    string
		gateway string
		flags   uint32
		expires uint32
		is      bool
	}{
		{"IPv6, a redirect", "fe80::77", unix.RTM_F_CLONED, 0, true},
		{"IPv6, a path MTU", "fe80::1", unix.RTM_F_CLONED, 59900, false},
		{"IPv6, a route", "fe80::1", 0, 0, false},
		{"IPv4, a redirect", "192.0.2.77", unix.RTM_F_CLONED | rtcfRedirected, 30000, true},
		{"IPv4, a path MTU", "192.0.2.1", unix.RTM_F_CLONED, 59900, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			gateway, dst := netip.MustParseAddr(c.gateway), netip.MustParseAddr("203.0.113.9")
			if gateway.Is6() {
				dst = netip.MustParseAddr("2001:db8:ffff::1")
			}
			f := route.FamilyOf(dst)
			msg := make([]byte, sizeofRtMsg)
			msg[0], msg[1], msg[5] = afOf(f), byte(dst.BitLen()), byte(route.ProtocolBoot)
			binary.NativeEndian.PutUint32(msg[8:], c.flags)
			info := make([]byte, 32)
			binary.NativeEndian.PutUint32(info[8:], c.expires)
			msg = appendAttr(msg, unix.RTA_DST, dst.AsSlice())
			msg = appendAttr(msg, unix.RTA_GATEWAY, gateway.AsSlice())
			msg = appendAttr32(msg, unix.RTA_OIF, 2)
			msg = appendAttr(msg, unix.RTA_CACHEINFO, info)
			got, ok := decodeRedirect(msg, f)
			if want := (route.Redirect{Dst: dst, Gateway: gateway, Link: 2}); ok != c.is || ok && got != want {
				t.Errorf("%+v, %v; want %+v, %v", got, ok, want, c.is)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  string
		found bool
	}{
		"snmp":           {"Ip: Forwarding InRedirects\nIp: 1 2\nIcmp: InMsgs InRedirects\nIcmp: 7 3\n", "2", true},
		"below a name":   {"Icmp: InMsgs InRedirects\nIcmp: 7 3\n", "3", true},
		"snmp6":          {"Ip6InReceives  \t9\nIcmp6InRedirects  \t4\n", "4", true},
		"not there":      {"Icmp: InMsgs\nIcmp: 7\n", "", false},
		"values missing": {"Icmp: InMsgs InRedirects\nIcmp: 7\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "snmp")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			key := "InRedirects"
			if name == "snmp6" {
				key = "Icmp6InRedirects"
			}
			if got, found := counter(file, key); got != c.want || found != c.found {
				t.Errorf("got %q, %v; want %q, %v", got, found, c.want, c.found)
			}
		})
	}
	if _, found := counter(filepath.Join(t.TempDir(), "none"), "InRedirects"); found {
		t.Error("a file that is not there has a counter")
	}
}
