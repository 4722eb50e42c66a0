package coverage

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"net/netip"
)

// Count is a number of addresses, from 0 to 2^128. The zero value is 0.
type Count struct {
	full   bool // 2^128
	hi, lo uint64
}

// CountOf is how many addresses a range has.
func CountOf(first, last netip.Addr) Count {
	a, b := first.As16(), last.As16()
	lo, borrow := bits.Sub64(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:]), 0)
	hi, _ := bits.Sub64(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(a[:8]), borrow)
	return Count{hi: hi, lo: lo}.Plus(Count{lo: 1})
}

// Plus is a sum. It may not be more than 2^128.
func (c Count) Plus(o Count) Count {
	lo, carry := bits.Add64(c.lo, o.lo, 0)
	hi, carry := bits.Add64(c.hi, o.hi, carry)
	return Count{c.full || o.full || carry != 0, hi, lo}
}

// Less reports whether the number is smaller than another.
func (c Count) Less(o Count) bool {
	switch {
	case c.full != o.full:
		return o.full
	case c.hi != o.hi:
		return c.hi < o.hi
	}
	return c.lo < o.lo
}

// Big is the same number.
func (c Count) Big() *big.Int {
	out := new(big.Int).SetUint64(c.hi)
	if c.full {
		out.SetBit(out, 64, 1)
	}
	out.Lsh(out, 64)
	return out.Add(out, new(big.Int).SetUint64(c.lo))
}
