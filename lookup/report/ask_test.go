package report_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"testing"

	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
)

// host is a source that never changes, and whose kernel cannot be asked.
type host struct{ snap route.Snapshot }

func (h *host) Read(_ context.Context, q route.Query) (*route.Snapshot, error) {
	out := h.snap
	out.Routes = nil
	for i := range h.snap.Routes {
		r := h.snap.Routes[i]
		if !q.NoRoutes && q.Keeps(r.Table, r.Dst) {
			if err := q.Each(&r); err != nil {
				return nil, err
			}
		}
	}
	return &out, nil
}

func (*host) Resolve(context.Context, route.Flow) (route.Answer, error) {
	return route.Answer{}, &route.NotAskedError{Why: "it is not there"}
}
func (*host) Redirects() map[route.Family]bool { return nil }
func (*host) Watch(route.Query) route.Watch    { return route.Still{} }
func (*host) Close() error                     { return nil }

// oneGateway is a host with an address and a default route.
func oneGateway() *host {
	rule := func(priority uint32, t route.Table) route.Rule {
		return route.Rule{Family: route.IPv4, Priority: priority, Action: route.ActionTable, Table: t, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	return &host{route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp | route.LinkLoopback},
			{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp},
		},
		Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules: []route.Rule{rule(0, route.TableLocal), rule(32766, route.TableMain), rule(32767, route.TableDefault)},
		Routes: []route.Route{
			{
				Table: route.TableLocal, Dst: netip.MustParsePrefix("192.0.2.2/32"), Type: route.TypeLocal, Scope: route.ScopeHost,
				NextHops: []route.NextHop{{Link: 2}},
			},
			{
				Table: route.TableMain, Dst: netip.MustParsePrefix("192.0.2.0/24"), Type: route.TypeUnicast, Scope: route.ScopeLink,
				NextHops: []route.NextHop{{Link: 2}},
			},
			{
				Table: route.TableMain, Dst: netip.MustParsePrefix("0.0.0.0/0"), Type: route.TypeUnicast,
				NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr("192.0.2.1")}},
			},
		},
	}}
}

func TestAsk(t *testing.T) {
	q := &report.Question{
		To: []report.Destination{
			{Addr: netip.MustParseAddr("198.51.100.7")},
			{Addr: netip.MustParseAddr("198.51.100.7"), Port: 443, Host: "www.example.org"},
			{Prefix: netip.MustParsePrefix("0.0.0.0/0")},
		},
	}
	all, err := report.Ask(t.Context(), oneGateway(), q)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	packet, connection, entry := all[0].(*report.Explanation), all[1].(*report.Explanation), all[2].(*report.Prefix)
	if packet.Status() != report.StatusAnswered || packet.NextHops[0].Gateway != netip.MustParseAddr("192.0.2.1") || packet.Kernel.NotAsked != "it is not there" {
		t.Errorf("packet: %+v", packet)
	}
	if connection.SourceLookup == nil || connection.Query.Dport != 443 || connection.Query.Label != "www.example.org (198.51.100.7:443)" {
		t.Errorf("connection: %+v", connection)
	}
	if entry.Status() != report.StatusAnswered || len(entry.Entries) != 1 || !entry.Default {
		t.Errorf("entry: %+v", entry)
	}
}

// TestAskReply asks for the way back of a received packet.
func TestAskReply(t *testing.T) {
	q := &report.Question{
		To: []report.Destination{{Addr: netip.MustParseAddr("192.0.2.2")}}, Reply: true,
		Packet: report.Packet{Iif: "eth0", From: netip.MustParseAddr("198.51.100.7")},
	}
	all, err := report.Ask(t.Context(), oneGateway(), q)
	if err != nil {
		t.Fatal(err)
	}
	e := all[0].(*report.Explanation)
	if e.Reply == nil || len(e.Reply.Answers) != 1 || e.Reply.Answers[0].NextHops[0].Dev != "eth0" {
		t.Errorf("%+v", e.Reply)
	}
}

// TestAskDevices names devices that are not there, or are no VRF.
func TestAskDevices(t *testing.T) {
	local := report.Destination{Addr: netip.MustParseAddr("fe80::1"), Zone: "eth9"}
	other := report.Destination{Addr: netip.MustParseAddr("198.51.100.7")}
	for _, c := range []struct {
		to     report.Destination
		packet report.Packet
		want   report.DeviceError
	}{
		{other, report.Packet{Iif: "eth9"}, report.DeviceError{Field: "iif", Name: "eth9"}},
		{other, report.Packet{Oif: "eth9"}, report.DeviceError{Field: "oif", Name: "eth9"}},
		{other, report.Packet{VRF: "eth0"}, report.DeviceError{Field: "vrf", Name: "eth0", NotVRF: true}},
		{local, report.Packet{}, report.DeviceError{Name: "eth9"}},
	} {
		_, err := report.Ask(t.Context(), oneGateway(), &report.Question{To: []report.Destination{c.to}, Packet: c.packet})
		var got *report.DeviceError
		if !errors.As(err, &got) || got.Field != c.want.Field || got.Name != c.want.Name || got.NotVRF != c.want.NotVRF {
			t.Errorf("%+v: %v", c.packet, err)
		}
	}
}

// TestZeroOfManyRoutes: the page about 0.0.0.0 copies none of the routes whose lines in
// `route -n` have no zero.
func TestZeroOfManyRoutes(t *testing.T) {
	h := oneGateway()
	one := h.snap.Routes[len(h.snap.Routes)-1]
	one.Dst = netip.MustParsePrefix("10.0.0.0/32")
	for range 100_000 {
		h.snap.Routes = append(h.snap.Routes, one)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := report.Ask(t.Context(), h, &report.Question{To: []report.Destination{{Addr: netip.IPv4Unspecified()}}}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 { // most of it what is read
		t.Errorf("%d bytes", n)
	}
}

// askedPeers is a host that tells of WireGuard devices only where they are asked for, as the
// kernel's source does.
type askedPeers struct{ host }

func (h *askedPeers) Read(ctx context.Context, q route.Query) (*route.Snapshot, error) {
	out, err := h.host.Read(ctx, q)
	if err == nil && !q.WireGuard {
		out.WireGuard = nil
	}
	return out, err
}

// TestAskCausesReadsPeers: whether a peer takes the packet decides about ENOKEY, so that is read.
func TestAskCausesReadsPeers(t *testing.T) {
	h := &askedPeers{*oneGateway()}
	h.snap.Links[1].Kind = "wireguard"
	h.snap.WireGuard = []route.WireGuard{{Link: 2, Allowed: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}
	q := &report.Question{To: []report.Destination{{Addr: netip.MustParseAddr("198.51.100.7")}}}
	got, err := report.AskCauses(t.Context(), h, q, route.ENOKEY)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got[0].Causes {
		if c.Code == whynot.CauseKey && c.State != whynot.CauseNot {
			t.Errorf("a peer takes the packet, and the missing key is said to be %q", c.State)
		}
	}
	h.snap.WireGuard = []route.WireGuard{{Link: 2, TakesNone: true}}
	if got, err = report.AskCauses(t.Context(), h, q, route.ENOKEY); err != nil {
		t.Fatal(err)
	}
	if s := got[0].Status(); s != report.StatusNoRoute {
		t.Errorf("no peer takes the packet: status %d, want %d", s, report.StatusNoRoute)
	}
}
