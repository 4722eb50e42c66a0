// Package internet gives the prefixes of a full Internet table, for benchmarks
// and tests of that size.
package internet

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
)

// Variable is the environment variable that names a file of real prefixes.
const Variable = "ROUTEWHY_PREFIXES"

// Prefixes are the prefixes of the file that [Variable] names. If it names none, they
// are those that [Made] gives. IPv4 comes first.
func Prefixes() ([]netip.Prefix, error) {
	name := os.Getenv(Variable)
	if name == "" {
		return Made(), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// read reads text that is compressed by gzip, with one prefix on each line.
func read(r io.Reader) ([]netip.Prefix, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	var v4, v6 []netip.Prefix
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		p, err := netip.ParsePrefix(strings.TrimSpace(lines.Text()))
		switch {
		case err != nil:
			return nil, err
		case p.Addr().Is4():
			v4 = append(v4, p.Masked())
		default:
			v6 = append(v6, p.Masked())
		}
	}
	return append(v4, v6...), lines.Err()
}

// length is how many prefixes of one length a table has.
type length struct{ bits, count int }

// lengths4 and lengths6 are the lengths of a full table of 2025.
func lengths4() []length {
	return []length{
		{8, 16}, {9, 13}, {10, 38}, {11, 103}, {12, 299}, {13, 581}, {14, 1203}, {15, 2100}, {16, 13490}, {17, 8235},
		{18, 13798}, {19, 24870}, {20, 42611}, {21, 50750}, {22, 108623}, {23, 96510}, {24, 537698}, {25, 20}, {26, 3},
		{27, 11}, {28, 18}, {29, 17}, {30, 3}, {31, 3}, {32, 886},
	}
}

func lengths6() []length {
	return []length{
		{16, 1}, {19, 1}, {20, 16}, {21, 3}, {22, 7}, {23, 8}, {24, 30}, {25, 8}, {26, 15}, {27, 20}, {28, 193},
		{29, 4371}, {30, 650}, {31, 284}, {32, 22548}, {33, 2926}, {34, 2603}, {35, 1043}, {36, 5996}, {37, 880},
		{38, 1617}, {39, 1377}, {40, 13418}, {41, 903}, {42, 2301}, {43, 1001}, {44, 14365}, {45, 1553}, {46, 3039},
		{47, 3153}, {48, 75488}, {49, 11}, {50, 3}, {52, 1}, {55, 1}, {56, 24}, {58, 20}, {60, 2}, {64, 184}, {112, 2},
		{122, 1}, {124, 4}, {125, 9}, {126, 19}, {127, 42}, {128, 6},
	}
}

// Made gives as many random prefixes of each length as a full table has. They are
// always the same ones.
func Made() []netip.Prefix {
	rng := rand.New(rand.NewPCG(42, 42))
	seen := map[netip.Prefix]bool{}
	var out []netip.Prefix
	add := func(lengths []length, addr func() netip.Addr) {
		for _, l := range lengths {
			for n := 0; n < l.count; {
				p := netip.PrefixFrom(addr(), l.bits).Masked()
				if !seen[p] {
					seen[p] = true
					out = append(out, p)
					n++
				}
			}
		}
	}
	add(lengths4(), func() netip.Addr { return Addr4(rng) })
	add(lengths6(), func() netip.Addr {
		var a [16]byte
		for i := range a {
			a[i] = byte(rng.Uint32())
		}
		a[0] = 0x20 | a[0]&0x0f
		return netip.AddrFrom16(a)
	})
	return out
}

// Addr4 is a random IPv4 address of some host: not in 0.0.0.0/8, 127.0.0.0/8 or
// above 223.255.255.255.
func Addr4(rng *rand.Rand) netip.Addr {
	for {
		v := rng.Uint32()
		if first := v >> 24; first != 0 && first != 127 && first < 224 {
			return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		}
	}
}
