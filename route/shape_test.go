package route

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// Each field of a route except for its destination makes another shape, or none, and both
// ways to compare shapes say so.
func TestShapeFields(t *testing.T) {
	addr := netip.MustParseAddr
	base := Route{Table: TableMain, Dst: netip.MustParsePrefix("192.0.2.0/24"), NextHops: []NextHop{{Link: 2}}}
	others := map[string]func(*Route){
		"Table":     func(r *Route) { r.Table = 5 },
		"Dst":       func(r *Route) { r.Dst = netip.MustParsePrefix("2001:db8::/32") }, // another family
		"Src":       func(r *Route) { r.Src = netip.MustParsePrefix("192.0.2.0/24") },
		"TOS":       func(r *Route) { r.TOS = 4 },
		"Metric":    func(r *Route) { r.Metric = 1 },
		"Type":      func(r *Route) { r.Type = TypeBlackhole },
		"Scope":     func(r *Route) { r.Scope = ScopeLink },
		"Protocol":  func(r *Route) { r.Protocol = ProtocolKernel },
		"PrefSrc":   func(r *Route) { r.PrefSrc = addr("192.0.2.1") },
		"Pref":      func(r *Route) { r.Pref = 1 },
		"Flags":     func(r *Route) { r.Flags = FlagTrap },
		"Expires":   func(r *Route) { r.Expires = time.Second },
		"NextHops":  func(r *Route) { r.NextHops = []NextHop{{Link: 2, Gateway: addr("192.0.2.1")}} },
		"NextHopID": func(r *Route) { r.NextHopID = 1 },
		"Metrics":   func(r *Route) { r.Metrics = []Metric{{ID: 2}} },
		"Unknown":   func(r *Route) { r.Unknown = []Attr{{Type: 99}} },
	}
	shape, ok := base.Shape()
	if !ok || !shape.is(&base) {
		t.Fatal("the route has no shape")
	}
	for field := range reflect.TypeFor[Route]().Fields() {
		change := others[field.Name]
		if change == nil {
			t.Errorf("no other value of %s is known", field.Name)
			continue
		}
		r := base.Clone()
		change(&r)
		if s, ok := r.Shape(); ok && s == shape {
			t.Errorf("with another %s the shape is the same", field.Name)
		}
		if shape.is(&r) {
			t.Errorf("the shape is that of a route with another %s", field.Name)
		}
	}
	for i, hops := range [][]NextHop{nil, {{Link: 2}, {Link: 2}}} {
		r := base.Clone()
		if r.NextHops = hops; shape.is(&r) {
			t.Errorf("%d: the shape is that of a route with %d next hops", i, len(hops))
		}
	}
}

// Values are found by shape, however many shapes there are.
func TestByShape(t *testing.T) {
	var m ByShape[int]
	r := Route{Table: TableMain, NextHops: []NextHop{{Link: 2}}}
	for i := range 3 * maxFirstShapes {
		r.Metric, r.Dst = uint32(i), netip.MustParsePrefix("192.0.2.0/24")
		if v, ok := m.Get(&r); ok {
			t.Fatalf("metric %d has a value already: %d", i, v)
		}
		if !m.Put(&r, i) {
			t.Fatal("the route has no shape")
		}
	}
	for i := range 3 * maxFirstShapes {
		r.Metric, r.Dst = uint32(i), netip.MustParsePrefix("198.51.100.0/24")
		if v, ok := m.Get(&r); !ok || v != i {
			t.Errorf("metric %d: %d, %v", i, v, ok)
		}
	}
	if m.Len() != 3*maxFirstShapes {
		t.Errorf("%d shapes", m.Len())
	}
	r.Expires = 1
	if _, ok := m.Get(&r); ok || m.Put(&r, 1) {
		t.Error("a route that expires has a shape")
	}
}
