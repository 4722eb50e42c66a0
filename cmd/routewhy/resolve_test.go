package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"routewhy/route"
)

func TestResolve(t *testing.T) {
	lookup := func(_ context.Context, network, host string) ([]netip.Addr, error) {
		if network != "ip" {
			t.Errorf("network %q", network)
		}
		switch host {
		case "both":
			return []netip.Addr{
				netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.1"),
				netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1%eth0"),
			}, nil
		case "six":
			return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
		case "none":
			return nil, nil
		case "broken", "brokendefault", "deafult":
			return nil, &net.DNSError{Err: "server misbehaving", Name: host}
		case "odd":
			return nil, errors.New("odd")
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	tests := []struct {
		in     string
		family route.Family
		want   []string
		fault  string
		hints  []string
	}{
		{"both", 0, []string{"2001:db8::1", "192.0.2.1", "fe80::1%eth0"}, "", nil},
		{"both:443", 0, []string{"[2001:db8::1]:443", "192.0.2.1:443", "[fe80::1%eth0]:443"}, "", nil},
		{"both", route.IPv4, []string{"192.0.2.1"}, "", nil},
		{"both", route.IPv6, []string{"2001:db8::1", "fe80::1%eth0"}, "", nil},
		{"192.0.2.7", 0, []string{"192.0.2.7"}, "", nil},
		{"default", 0, []string{"default"}, "", nil},
		{"six", route.IPv4, nil, "host six has no IPv4 address", nil},
		{"none", 0, nil, "host none has no address", nil},
		{"missing", 0, nil, "host missing: no such host", nil},
		{"dump", 0, nil, "host dump: no such host", []string{"the flag is --dump"}},
		{"frm", 0, nil, "host frm: no such host", []string{"did you mean the flag --from?"}},
		{"defualt", 0, nil, "host defualt: no such host", []string{"routewhy default explains the default routes"}},
		{"from", 0, nil, "host from: no such host", []string{"the flag is --from"}},
		{"broken", 0, nil, "host broken: the resolver failed: server misbehaving", nil},
		{"Default", 0, nil, "host Default: no such host", []string{"routewhy default explains the default routes"}},
		{"brokendefault", 0, nil, "host brokendefault: the resolver failed: server misbehaving", nil},
		{"deafult", 0, nil, "host deafult: the resolver failed: server misbehaving", []string{"routewhy default explains the default routes"}},
		{"odd", 0, nil, "host odd: odd", nil},
	}
	for _, test := range tests {
		d, err := parseDestination(test.in)
		if err != nil {
			t.Fatal(err)
		}
		found, err := resolve(t.Context(), d, test.family, lookup)
		if test.fault != "" {
			if err == nil || err.Error() != test.fault || statusOf(err) != exitNoAnswer || !slices.Equal(hintsOf(err), test.hints) {
				t.Errorf("%s: %v, hints %q; want %s, hints %q", test.in, err, hintsOf(err), test.fault, test.hints)
			}
			continue
		}
		var got []string
		for _, f := range found {
			got = append(got, f.String())
			if f.host != d.host {
				t.Errorf("%s: host %q", test.in, f.host)
			}
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v; want %q", test.in, got, err, test.want)
		}
	}
}

func TestResolveInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := resolve(ctx, destination{kind: kindHost, host: "x"}, 0, func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: ctx.Err().Error()}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
