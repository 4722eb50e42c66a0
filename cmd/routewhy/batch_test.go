package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/routetest/internet"
)

// TestProgress checks that long work shows a line on a terminal and writes over it.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := progress{w: &out, on: true}
	p.update(1)
	if out.Len() > 0 {
		t.Errorf("short work: %q", out.String())
	}
	p.begun, p.told = time.Now().Add(-4*time.Second), time.Now().Add(-time.Second)
	p.update(2000)
	if s := out.String(); !strings.HasPrefix(s, "\r2000 lines, 500 a second") {
		t.Errorf("long work: %q", s)
	}
	out.Reset()
	p.update(2001)
	if out.Len() > 0 {
		t.Errorf("too soon: %q", out.String())
	}
	p.clear()
	p.clear()
	if s := out.String(); s != "\r\x1b[K" {
		t.Errorf("at the end: %q", s)
	}
	p = progress{w: &out}
	p.begun = time.Now().Add(-time.Hour)
	if p.update(3); out.Len() != len("\r\x1b[K") {
		t.Errorf("no terminal: %q", out.String())
	}
}

// TestBatchAnswersAtOnce sends one line, and the next line when the first is
// answered.
func TestBatchAnswersAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes")
	if err := os.WriteFile(file, []byte("default via 192.0.2.1 dev eth0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	status := make(chan int, 1)
	go func() {
		s := stdio{Stdin: in, Stdout: out, Stderr: io.Discard, LookupEnv: func(string) (string, bool) { return "", false }}
		status <- run(context.Background(), []string{"--load", file, "--batch", "-"}, s)
		out.Close()
	}()
	lines := bufio.NewScanner(answers)
	for _, dst := range []string{"8.8.8.8", "9.9.9.9"} {
		fmt.Fprintln(ask, dst)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), dst+" ") {
			t.Fatalf("%s: %q", dst, lines.Text())
		}
	}
	ask.Close()
	if lines.Scan() || <-status != exitOK {
		t.Errorf("at the end: %q", lines.Text())
	}
}

// batchHost is a host with the full Internet table over three gateways.
func batchHost(tb testing.TB) *lookup.FIB {
	prefixes, err := internet.Prefixes()
	if err != nil {
		tb.Fatal(err)
	}
	rule := func(f route.Family, priority uint32, t route.Table) route.Rule {
		return route.Rule{Family: f, Priority: priority, Action: route.ActionTable, Table: t, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLoopback},
			{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp},
		},
		Addrs: []route.Addr{
			{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")},
			{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::2/64")},
		},
		Rules: []route.Rule{
			rule(route.IPv4, 0, route.TableLocal), rule(route.IPv4, 32766, route.TableMain), rule(route.IPv4, 32767, route.TableDefault),
			rule(route.IPv6, 0, route.TableLocal), rule(route.IPv6, 32766, route.TableMain),
		},
	}
	var b lookup.Builder
	prefixes = append(prefixes, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
	for i, p := range prefixes {
		gateway := fmt.Sprintf("192.0.2.%d", 10+i%3)
		if p.Addr().Is6() {
			gateway = fmt.Sprintf("2001:db8::%d", 10+i%3)
		}
		b.Add(&route.Route{
			Table: route.TableMain, Dst: p, Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr(gateway)}},
		})
	}
	return b.FIB(s)
}

// BenchmarkBatch answers a million lines, after the load; one operation is one
// line.
func BenchmarkBatch(b *testing.B) {
	fib := batchHost(b)
	var lines bytes.Buffer
	for i := range 1 << 16 {
		v := uint32(i) * 2654435761 // scattered
		fmt.Fprintf(&lines, "%d.%d.%d.%d\n", 1+v>>24%222, byte(v>>16), byte(v>>8), byte(v))
	}
	for _, asJSON := range []bool{false, true} {
		b.Run(map[bool]string{false: "text", true: "JSON"}[asJSON], func(b *testing.B) {
			s := stdio{Stdout: io.Discard, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
			read, err := report.NewBatch(fib, new(report.Question))
			if err != nil {
				b.Fatal(err)
			}
			batcher := newBatcher(&options{json: asJSON}, read, s)
			b.ReportAllocs()
			for done := 0; done < b.N; done += 1 << 16 {
				err := batcher.run(context.Background(), bytes.NewReader(lines.Bytes()))
				if err != nil && err != error(statusError(exitNoRoute)) {
					b.Fatal(err)
				}
			}
		})
	}
}
