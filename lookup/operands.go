package lookup

import (
	"fmt"

	"routewhy/route"
)

// Operands of reasons whose usual notation is not a plain number.

func hex(n uint32) string { return fmt.Sprintf("%#x", n) }

func maskedText(v, mask uint32) string {
	if mask == ^uint32(0) {
		return hex(v)
	}
	return hex(v) + "/" + hex(mask)
}

func dscpText(v, mask uint8) string {
	if mask == 0x3f {
		return hex(uint32(v))
	}
	return hex(uint32(v)) + "/" + hex(uint32(mask))
}

func rangeText(a, b uint32) string { return fmt.Sprintf("%d-%d", a, b) }

func portsText(r route.PortRange) string {
	switch {
	case r.Mask != 0 && r.Mask != 0xffff:
		return fmt.Sprintf("%#x/%#x", r.Start, r.Mask)
	case r.Start == r.End:
		return fmt.Sprint(r.Start)
	}
	return fmt.Sprintf("%d-%d", r.Start, r.End)
}
