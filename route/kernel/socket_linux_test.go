package kernel

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// netlinkMessage is a struct nlmsghdr and what follows it.
func netlinkMessage(typ, flags uint16, seq uint32, body ...[]byte) []byte {
	b := slices.Concat(body...)
	n := sizeofNlMsghdr + len(b)
	msg := slices.Concat(u32(uint32(n)), u16(typ), u16(flags), u32(seq), u32(7), b)
	return append(msg, make([]byte, align(n)-n)...)
}

func TestSplit(t *testing.T) {
	b := slices.Concat(
		netlinkMessage(unix.RTM_NEWROUTE, unix.NLM_F_MULTI, 3, []byte("abcde")),
		netlinkMessage(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, 3, u32(0)))
	h, body, rest, err := split(b)
	if err != nil || h != (header{unix.RTM_NEWROUTE, unix.NLM_F_MULTI, 3, 7}) || string(body) != "abcde" {
		t.Errorf("first: %+v %q %v", h, body, err)
	}
	h, body, rest, err = split(rest)
	if err != nil || h.typ != unix.NLMSG_DONE || len(body) != 4 || len(rest) != 0 {
		t.Errorf("second: %+v %q %q %v", h, body, rest, err)
	}
	for _, bad := range [][]byte{b[:15], netlinkMessage(1, 0, 0, make([]byte, 8))[:20], make([]byte, 16)} {
		if _, _, _, err := split(bad); err != errCutShort {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	code := func(e unix.Errno) []byte { return u32(uint32(-int32(e))) }
	words := attr(unix.NLMSGERR_ATTR_MSG, []byte("no such thing\x00"))
	request := netlinkMessage(unix.RTM_GETRULE, 1, 1, make([]byte, 12))
	const tlvs, capped = unix.NLM_F_ACK_TLVS, unix.NLM_F_CAPPED
	tests := []struct {
		name  string
		typ   uint16
		flags uint16
		body  []byte
		errno unix.Errno
		text  string
	}{
		{"done", unix.NLMSG_DONE, 0, u32(0), 0, ""},
		{"done, and nothing said", unix.NLMSG_DONE, 0, nil, 0, ""},
		{"done with a length", unix.NLMSG_DONE, 0, u32(20), 0, ""},
		{"acknowledged", unix.NLMSG_ERROR, 0, slices.Concat(u32(0), request), 0, ""},
		{"refused", unix.NLMSG_ERROR, 0, slices.Concat(code(unix.EPERM), request), unix.EPERM, "operation not permitted"},
		{
			"refused with words", unix.NLMSG_ERROR, tlvs, slices.Concat(code(unix.EINVAL), request, words),
			unix.EINVAL, "invalid argument: no such thing",
		},
		{
			"refused with words, the request capped", unix.NLMSG_ERROR, tlvs | capped,
			slices.Concat(code(unix.EINVAL), request[:16], words), unix.EINVAL, "invalid argument: no such thing",
		},
		{
			"a dump that failed", unix.NLMSG_DONE, tlvs, slices.Concat(code(unix.ENOENT), words),
			unix.ENOENT, "no such file or directory: no such thing",
		},
		{
			"a request of odd length", unix.NLMSG_ERROR, tlvs, slices.Concat(code(unix.EINVAL), u32(1<<31), words),
			unix.EINVAL, "invalid argument",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := refusalOf(header{typ: tt.typ, flags: tt.flags}, tt.body)
			if tt.errno == 0 {
				if err != nil {
					t.Errorf("got %v", err)
				}
			} else if err == nil || !errors.Is(err, tt.errno) || err.Error() != tt.text {
				t.Errorf("got %v, want %s", err, tt.text)
			}
		})
	}
	if err := refusalOf(header{typ: unix.NLMSG_ERROR}, nil); err != errCutShort {
		t.Errorf("an error without its number: %v", err)
	}
}

// FuzzDatagram splits datagrams into messages as dump does.
func FuzzDatagram(f *testing.F) {
	f.Add(netlinkMessage(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, u32(^uint32(21)), make([]byte, 16), attr(1, []byte("x"))))
	f.Add(netlinkMessage(unix.RTM_NEWROUTE, 2, 1, make([]byte, 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := watcher{}
		w.matters(b, func(h routeHeader) bool { return keeps(&w.want, h) })
		for len(b) > 0 {
			before := len(b)
			h, body, rest, err := split(b)
			if err != nil {
				return
			}
			_ = refusalOf(h, body)
			if b = rest; len(b) >= before {
				t.Fatal("no progress")
			}
		}
	})
}

func TestMatters(t *testing.T) {
	r := func(typ uint16, dst string) []byte {
		return netlinkMessage(typ, 0, 0, routeMessage([8]byte{afInet, 24, 0, 0, 254, 4, 0, 1}, 0, attr(rtaDst, ipBytes(dst))))
	}
	keep := func(_ route.Table, p netip.Prefix) bool { return p == prefix("10.0.1.0/24") }
	tests := []struct {
		name string
		want route.Query
		msg  []byte
		is   bool
	}{
		{"nothing", route.Query{}, nil, false},
		{"a link", route.Query{Keep: keep}, netlinkMessage(unix.RTM_NEWLINK, 0, 0), true},
		{"a route", route.Query{}, r(unix.RTM_NEWROUTE, "10.0.0.0"), true},
		{"a kept route that goes", route.Query{Keep: keep}, r(unix.RTM_DELROUTE, "10.0.1.0"), true},
		{"a route that is not kept", route.Query{Keep: keep}, r(unix.RTM_NEWROUTE, "10.0.0.0"), false},
		{"a kept one behind it", route.Query{Keep: keep}, slices.Concat(r(unix.RTM_NEWROUTE, "10.0.0.0"), r(unix.RTM_NEWROUTE, "10.0.1.0")), true},
		{"a route, and none wanted", route.Query{NoRoutes: true}, r(unix.RTM_NEWROUTE, "10.0.0.0"), false},
		{"a message cut short", route.Query{Keep: keep}, []byte{1}, true},
	}
	for _, tt := range tests {
		if w := (watcher{want: tt.want}); w.matters(tt.msg, func(h routeHeader) bool { return keeps(&w.want, h) }) != tt.is {
			t.Errorf("%s: %v", tt.name, !tt.is)
		}
	}
}

// TestPeekAllocates measures the cost of a route that is not wanted.
func TestPeekAllocates(t *testing.T) {
	w := route.Query{Keep: func(_ route.Table, p netip.Prefix) bool { return p.Contains(addr("8.8.8.8")) }}
	for _, msg := range seeds(t, "route") {
		if n := testing.AllocsPerRun(100, func() {
			h, err := peekRoute(msg)
			if err != nil || keeps(&w, h) && h.family == route.IPv6 {
				t.Error(h, err)
			}
		}); n != 0 {
			t.Errorf("%x: %v allocations", msg, n)
		}
	}
}

func BenchmarkPeekRoute(b *testing.B) {
	msgs := seeds(b, "route")
	for i := 0; b.Loop(); i++ {
		_, _ = peekRoute(msgs[i%len(msgs)])
	}
}

func BenchmarkDecodeRoute(b *testing.B) {
	msgs := seeds(b, "route")
	var d routeDecoder
	var r route.Route
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h, _ := peekRoute(msgs[i%len(msgs)])
		_ = d.decode(&r, msgs[i%len(msgs)], h)
	}
}

// BenchmarkRead reads, in the current namespace, what is needed for one destination.
func BenchmarkRead(b *testing.B) {
	h, err := Open("")
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	w := route.Query{Family: route.IPv4, Keep: func(_ route.Table, p netip.Prefix) bool { return p.Contains(addr("8.8.8.8")) }}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Read(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	h, err := Open("")
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Resolve(b.Context(), route.Flow{Dst: addr("8.8.8.8")}); err != nil {
			b.Fatal(err)
		}
	}
}
