package kernel

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"os"
	"testing"

	"routewhy/route"
)

// The seeds in testdata are bodies of messages that Linux 6.18 (x86-64) sent, in
// hexadecimal, one on each line. TestCapture writes them.

func seeds(tb testing.TB, kind string) [][]byte {
	tb.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		tb.Skip("the messages in testdata are of a little-endian host")
	}
	f, err := os.Open("testdata/" + kind + ".hex")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var all [][]byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		b, err := hex.DecodeString(lines.Text())
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		tb.Fatalf("no %s", kind)
	}
	return all
}

// fuzz checks that a decoder does not panic, that its result passes check, and that
// the result does not use the message's memory, which is overwritten.
func fuzz[T any](f *testing.F, kind string, decode func([]byte) (T, error), check func(*testing.T, T)) {
	for _, b := range seeds(f, kind) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err == nil && check != nil {
			check(t, v)
		}
		for i := range b {
			b[i] = 0xaa
		}
		if err == nil && check != nil {
			check(t, v)
		}
	})
}

func FuzzDecodeRoute(f *testing.F) {
	fuzz(f, "route", decodeRoute, func(t *testing.T, r route.Route) {
		if !r.Dst.IsValid() || r.Dst != r.Dst.Masked() || r.Family() == 0 {
			t.Errorf("destination %v", r.Dst)
		}
		if r.Src.IsValid() && r.Src.Addr().BitLen() != r.Dst.Addr().BitLen() {
			t.Errorf("source %v, destination %v", r.Src, r.Dst)
		}
		for _, h := range r.NextHops {
			if h.Weight < 0 || h.Weight > 256 {
				t.Errorf("weight %d", h.Weight)
			}
		}
	})
}

func FuzzPeekRoute(f *testing.F) {
	fuzz(f, "route", func(b []byte) (struct{}, error) {
		h, err := peekRoute(b)
		r, rerr := decodeRoute(b)
		if rerr == nil && (err != nil || h.dst != r.Dst || h.table != r.Table) {
			panic("a peek tells another route")
		}
		return struct{}{}, err
	}, nil)
}

func FuzzDecodeAnswer(f *testing.F) { fuzz(f, "answer", decodeAnswer, nil) }

func FuzzDecodeRule(f *testing.F) {
	fuzz(f, "rule", decodeRule, func(t *testing.T, r route.Rule) {
		if r.Family == 0 || r.Selector.HasDSCP && r.Selector.DSCPMask == 0 || r.SuppressPrefixLen < -1<<31 {
			t.Errorf("%+v", r)
		}
		for _, p := range []int{r.Selector.Src.Addr().BitLen(), r.Selector.Dst.Addr().BitLen()} {
			if p != 0 && p != r.Family.Bits() {
				t.Errorf("%s rule with %+v", r.Family, r.Selector)
			}
		}
	})
}

func FuzzDecodeNextHop(f *testing.F) {
	fuzz(f, "nexthop", decodeNextHop, func(t *testing.T, o route.NextHopObject) {
		if o.ID == 0 {
			t.Error("no ID")
		}
		for _, m := range o.Group {
			if m.Weight < 1 {
				t.Errorf("weight %d", m.Weight)
			}
		}
	})
}

func FuzzDecodeLink(f *testing.F) { fuzz(f, "link", decodeLink, nil) }

func FuzzDecodeLinkConf(f *testing.F) { fuzz(f, "link", decodeLinkConf, nil) }

func FuzzDecodeAddr(f *testing.F) {
	fuzz(f, "addr", decodeAddr, func(t *testing.T, a route.Addr) {
		if !a.Prefix.IsValid() {
			t.Errorf("%+v", a)
		}
	})
}

func FuzzDecodeNeighbour(f *testing.F) {
	fuzz(f, "neigh", decodeNeighbour, func(t *testing.T, n route.Neighbour) {
		if !n.Addr.IsValid() {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzDecodeLabel(f *testing.F) {
	fuzz(f, "label", decodeLabel, func(t *testing.T, l route.AddrLabel) {
		if !l.Prefix.IsValid() {
			t.Errorf("%+v", l)
		}
	})
}

// TestSeeds decodes every seed, which must give no error. It also decodes every
// beginning of each seed, which must not panic.
func TestSeeds(t *testing.T) {
	kinds := map[string]func([]byte) error{
		"route":   func(b []byte) error { _, err := decodeRoute(b); return err },
		"answer":  func(b []byte) error { _, err := decodeAnswer(b); return err },
		"rule":    func(b []byte) error { _, err := decodeRule(b); return err },
		"nexthop": func(b []byte) error { _, err := decodeNextHop(b); return err },
		"link":    func(b []byte) error { _, err := decodeLink(b); return err },
		"addr":    func(b []byte) error { _, err := decodeAddr(b); return err },
		"neigh":   func(b []byte) error { _, err := decodeNeighbour(b); return err },
		"label":   func(b []byte) error { _, err := decodeLabel(b); return err },
	}
	for kind, decode := range kinds {
		for _, b := range seeds(t, kind) {
			for n := range b {
				_ = decode(b[:n:n])
			}
			if err := decode(b); err != nil {
				t.Errorf("%s %x: %v", kind, b, err)
			}
		}
	}
}
