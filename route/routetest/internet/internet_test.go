package internet

import (
	"bytes"
	"compress/gzip"
	"net/netip"
	"testing"
)

func TestMade(t *testing.T) {
	count := map[length]int{}
	seen := map[netip.Prefix]bool{}
	for _, p := range Made() {
		if seen[p] || p != p.Masked() {
			t.Fatalf("%s twice, or with host bits", p)
		}
		seen[p] = true
		count[length{p.Bits(), p.Addr().BitLen()}]++
	}
	total := 0
	for family, lengths := range map[int][]length{32: lengths4(), 128: lengths6()} {
		for _, l := range lengths {
			if n := count[length{l.bits, family}]; n != l.count {
				t.Errorf("%d prefixes of %d bits of %d; want %d", n, l.bits, family, l.count)
			}
			total += l.count
		}
	}
	if len(seen) != total {
		t.Errorf("%d prefixes; want %d", len(seen), total)
	}
}

func TestRead(t *testing.T) {
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	_, _ = z.Write([]byte("2001:db8::/32\n8.8.8.0/24\n9.9.9.9/24\n"))
	_ = z.Close()
	got, err := read(&file)
	want := []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24"), netip.MustParsePrefix("9.9.9.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := read(bytes.NewReader([]byte("8.8.8.0/24\n"))); err == nil {
		t.Error("a file that is not compressed is taken")
	}
}
