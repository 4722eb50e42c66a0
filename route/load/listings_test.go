package load_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
	"routewhy/route/iproute2"
	"routewhy/route/load"
)

// TestListings reads what people send, in the forms in which it is published. Next to each
// file there is a text of what is understood, and of each line that is not understood.
// UPDATE=1 writes these texts again.
func TestListings(t *testing.T) {
	names, err := filepath.Glob("testdata/listings/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := understood(load.Files(bytes.NewReader(file), load.Stdin))
			wanted := strings.TrimSuffix(name, ".txt") + ".want"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wanted)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// understood is a snapshot as text. The faults come first.
func understood(r *load.Result, err error) string {
	if err != nil {
		return fmt.Sprintln("error:", err)
	}
	var b strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "odd: %v\n", f)
	}
	s := r.Snapshot
	for _, l := range s.Links {
		fmt.Fprintf(&b, "link: %d %s flags %#x group %d kind %q master %d vrf %d oper %d\n", l.Index, l.Name, l.Flags, l.Group, l.Kind, l.Master, l.VRFTable, l.OperState)
	}
	for _, a := range s.Addrs {
		fmt.Fprintf(&b, "addr: %s peer %v brd %v dev %s scope %s flags %#x label %q lft %v %v\n", a.Prefix, a.Peer.Addr(), a.Broadcast, s.LinkName(a.Link), a.Scope, a.Flags, a.Label, a.PreferredLft, a.ValidLft)
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		selector := iproute2.RuleJSON(s, r)
		fmt.Fprintf(&b, "rule: %s %d %q %s table %s goto %d suppress %d %d proto %s\n", r.Family, r.Priority, selector.Selector(), r.Action, s.Names.Table(r.Table), r.Goto, r.SuppressPrefixLen, r.SuppressGroup, s.Names.Protocol(r.Protocol))
	}
	for i := range r.Routes.Len() {
		one := r.Routes.Get(i)
		fmt.Fprintf(&b, "route: %s\n", routeText(s, &one))
	}
	for _, o := range s.NextHops {
		hop := iproute2.NextHopJSON(s, route.FamilyOf(o.NextHop.Gateway), &o.NextHop)
		fmt.Fprintf(&b, "nexthop: %d %s %v\n", o.ID, hop.Way(), o.Group)
	}
	for _, n := range s.Neighbours {
		fmt.Fprintf(&b, "neighbour: %s dev %s %s\n", n.Addr, s.LinkName(n.Link), n.State)
	}
	return b.String()
}

func routeText(s *route.Snapshot, r *route.Route) string {
	line := iproute2.RouteJSON(s, r)
	text := line.Line() + fmt.Sprintf(" (table %s proto %s scope %s metric %d)", s.Names.Table(r.Table), s.Names.Protocol(r.Protocol), r.Scope, r.Metric)
	for _, h := range r.NextHops {
		text += fmt.Sprintf(" [weight %d flags %#x encap %s realm %d]", h.Weight, h.Flags, h.Encap, h.Realm)
	}
	for _, m := range r.Metrics {
		if m.Text != "" {
			text += fmt.Sprintf(" %s %s %v", m.Name(), m.Text, m.Lock)
			continue
		}
		text += fmt.Sprintf(" %s %d %v", m.Name(), m.Value, m.Lock)
	}
	if r.Expires != 0 {
		text += " expires " + r.Expires.String()
	}
	if r.NextHopID != 0 {
		text += fmt.Sprintf(" nhid %d", r.NextHopID)
	}
	return text
}
