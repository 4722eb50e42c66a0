package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// flipping is a host whose routes change after each of the first readings.
type flipping struct {
	*kernel.Host
	change func(n int)
	times  int // how often they change
	read   int
}

func (f *flipping) Read(ctx context.Context, w route.Query) (*route.Snapshot, error) {
	s, err := f.Host.Read(ctx, w)
	if f.read++; f.read <= f.times {
		f.change(f.read)
	}
	return s, err
}

// TestChanging changes the route that is asked about, or another one, between the
// reading and the kernel's answer. This must not be reported as a disagreement.
func TestChanging(t *testing.T) {
	asked, other := "203.0.113.0/24", "198.18.0.0/15"
	for name, c := range map[string]struct {
		args   string
		prefix string
		times  int
		reads  int
		says   string
		not    string
	}{
		"nothing":               {"203.0.113.9", asked, 0, 1, "agrees", "changing"},
		"once":                  {"203.0.113.9", asked, 1, 2, "agrees", "changing"},
		"always":                {"203.0.113.9", asked, 99, 3, "note     the tables were changing while they were read", "disagree"},
		"the kernel":            {"203.0.113.9", asked, 99, 3, "kernel   cannot be compared: the tables were changing; it answered unicast via", "agrees"},
		"the first line":        {"-q 203.0.113.9", asked, 99, 3, "(the tables were changing)\n", "disagree"},
		"JSON":                  {"--json 203.0.113.9", asked, 99, 3, `"code": "tables-changing"`, `"agrees"`},
		"a connection":          {"203.0.113.9:443", asked, 99, 3, "cannot be compared", "agrees"},
		"with the way back":     {"203.0.113.9 --reply", asked, 99, 3, "cannot be compared", "disagree"},
		"an entry":              {"203.0.113.0/24", asked, 99, 3, "note     the tables were changing", "kernel"},
		"the default route":     {"default", "0.0.0.0/0", 99, 3, "note     the tables were changing", "kernel"},
		"an entry's first line": {"-q 203.0.113.0/24", asked, 99, 3, "(the tables were changing)\n", "kernel"},
		"another route":         {"203.0.113.9", other, 99, 1, "agrees", "changing"},
	} {
		t.Run(name, func(t *testing.T) {
			ns := routetest.New(t)
			ns.Run(t, "ip link set lo up", "ip link add v0 type veth peer name p0", "ip link set v0 up", "ip link set p0 up",
				"ip addr add 192.0.2.2/24 dev v0", "ip route add default via 192.0.2.1", "ip route add 203.0.113.0/24 via 192.0.2.1")
			ns.Do(func() {
				host, err := kernel.Open("")
				if err != nil {
					t.Fatal(err)
				}
				defer host.Close()
				f := &flipping{Host: host, times: c.times, change: func(n int) {
					ns.Run(t, fmt.Sprintf("ip route replace %s via 192.0.2.%d", c.prefix, 10+n))
				}}
				out, status := answersOf(t, f, strings.Fields(c.args))
				if status != exitOK || f.read != c.reads {
					t.Errorf("exit status %d after %d readings, want 0 after %d", status, f.read, c.reads)
				}
				if !strings.Contains(out, c.says) || strings.Contains(out, c.not) {
					t.Errorf("want %q and not %q:\n%s", c.says, c.not, out)
				}
			})
		})
	}
}

// TestChangingWhyNot changes the route that is asked about between the reading and the
// kernel's answer. It does so for the other modes that ask why.
func TestChangingWhyNot(t *testing.T) {
	to := report.Destination{Addr: netip.MustParseAddr("203.0.113.9")}
	q := &report.Question{To: []report.Destination{to}}
	for name, ask := range map[string]func(*flipping) (report.Report, error){
		"why-not": func(f *flipping) (report.Report, error) {
			all, err := report.AskWhyNot(t.Context(), f, &report.WhyNotQuestion{Question: *q, Want: report.Want{Kind: whynot.Device, Dev: "p0"}})
			return all[0], err
		},
		"unlike": func(f *flipping) (report.Report, error) {
			return report.AskUnlike(t.Context(), f, q, &report.Question{To: []report.Destination{{Addr: netip.MustParseAddr("198.51.100.9")}}})
		},
		"try": func(f *flipping) (report.Report, error) {
			trial, err := report.NewTrial(t.Context(), f, &report.TryQuestion{Question: *q, Scripts: []command.Script{{
				Lines: []command.Line{{Text: "ip route add 203.0.113.0/24 via 192.0.2.1"}},
			}}})
			if err != nil {
				return nil, err
			}
			return trial.Report, nil
		},
		"errno": func(f *flipping) (report.Report, error) {
			all, err := report.AskCauses(t.Context(), f, q, route.EINVAL)
			return all[0], err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flipping{times: 99}
			ns := routetest.New(t)
			ns.Run(t, "ip link set lo up", "ip link add v0 type veth peer name p0", "ip link set v0 up", "ip link set p0 up",
				"ip addr add 192.0.2.2/24 dev v0", "ip route add 203.0.113.0/24 via 192.0.2.1", "ip route add 198.51.100.0/24 via 192.0.2.1")
			f.change = func(n int) { ns.Run(t, fmt.Sprintf("ip route replace 203.0.113.0/24 via 192.0.2.%d", 10+n)) }
			ns.Do(func() {
				var err error
				if f.Host, err = kernel.Open(""); err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				r, err := ask(f)
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(r)
				reads := 3
				if name == "try" { // each of its tries reads without routes first
					reads = 6
				}
				if err != nil || f.read != reads || !bytes.Contains(text, []byte(lookup.NoteChanging)) {
					t.Errorf("after %d readings, want %d: %s, %v", f.read, reads, text, err)
				}
				if r.Status() == report.StatusDisagrees {
					t.Error("changing tables are no disagreement")
				}
			})
		})
	}
}

// answersOf is what routewhy prints of a source, and its exit status.
func answersOf(t *testing.T, src route.Source, args []string) (string, int) {
	t.Helper()
	o, err := parseArgs(append(args, "--color=never"))
	if err != nil {
		t.Fatal(err)
	}
	dests, err := resolveAll(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := stdio{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return "", false }}
	err = (&questions{options: o, dests: dests, host: src}).answer(t.Context(), s)
	var status statusError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return out.String(), int(status)
}
