package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

func TestDumpInterrupted(t *testing.T) {
	isolate(t)
	const objects = 20000 // far more than is received ahead
	var lines strings.Builder
	for i := range objects {
		fmt.Fprintf(&lines, "nexthop add id %d dev lo\n", i+1)
	}
	ip(t, "link set lo up\n"+lines.String())
	h := open(t)
	n := 0
	interrupted, err := h.dumps.dump(context.Background(), unix.RTM_GETNEXTHOP, make([]byte, sizeofNhMsg), func(uint16, []byte) error {
		if n++; n == 1 {
			ip(t, fmt.Sprintf("nexthop del id %d\n", objects-1))
		}
		return nil
	})
	if err != nil || !interrupted || n < objects-1 {
		t.Errorf("%d messages, interrupted: %v, %v", n, interrupted, err)
	}
	if s := read(t, h, route.Query{}); s.Changed || len(s.NextHops) != objects-1 {
		t.Errorf("afterwards: %d objects, changed: %v", len(s.NextHops), s.Changed)
	}
}

// TestGaps checks the gaps for messages that are not understood, and for things that
// the kernel does not say.
func TestGaps(t *testing.T) {
	h := open(t)
	links := query{fact: route.FactLinks, get: unix.RTM_GETLINK, answer: unix.RTM_NEWLINK, size: sizeofIfInfomsg}
	tests := []struct {
		name string
		q    query
		take func([]byte) error
		why  string
		err  error
	}{
		{"understood", links, func([]byte) error { return nil }, "", nil},
		{"not understood", links, func([]byte) error { return errors.New("odd") }, " not understood, the first: odd", nil},
		{"ended", links, func([]byte) error { return stop{errOverrun} }, "", errOverrun},
		{"absent", query{get: unix.RTM_GETADDRLABEL, family: route.IPv4, size: sizeofIfAddrLblMsg}, nil, "", unix.EOPNOTSUPP},
		{"refused", query{fact: route.FactLinks, get: unix.RTM_GETLINK, size: 4}, nil, "EINVAL, invalid argument", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &reader{ctx: context.Background(), host: h, want: &route.Query{}, snap: &route.Snapshot{}}
			if err := r.dump(tt.q, tt.take); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			gaps := r.snap.Gaps
			if tt.why == "" && len(gaps) > 0 || tt.why != "" && (len(gaps) != 1 || !strings.Contains(gaps[0].Why, tt.why)) {
				t.Errorf("got %v, want %s", gaps, tt.why)
			}
		})
	}
}
