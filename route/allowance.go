package route

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Allowance is how much memory what is read of files may take: an estimate, on
// the large side, of what it takes until the questions about it are answered. A
// few bytes of a compressed file can stand for millions of elements. A nil
// Allowance knows no limit. It is for one goroutine.
type Allowance struct {
	limit, left int64
}

// NewAllowance allows so many bytes.
func NewAllowance(limit int64) *Allowance { return &Allowance{limit, limit} }

// Take takes some of it; the error is a [LimitError] where there is not enough.
func (a *Allowance) Take(n int64) error {
	if a == nil {
		return nil
	}
	if err := a.Fits(n); err != nil {
		return err
	}
	a.left -= n
	return nil
}

// Give gives some of it back.
func (a *Allowance) Give(n int64) {
	if a != nil {
		a.left += n
	}
}

// Fits reports whether so much is left, by the same error as Take.
func (a *Allowance) Fits(n int64) error {
	if a != nil && n > a.left {
		return &LimitError{a.limit}
	}
	return nil
}

// LimitError: files hold more than may be taken of them.
type LimitError struct {
	Limit int64 // bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("what it holds takes more than %d MiB of memory", e.Limit>>20)
}

// What things take: their size, and more than as much again for the slice that grows
// and for what look-ups keep of them beside it.
const (
	listedSize  = 5 * int64(unsafe.Sizeof(listed{})) / 2
	kindSize    = 2 * int64(unsafe.Sizeof(Route{})+unsafe.Sizeof(Shape{})+256)
	defaultSize = 1536 // of a default route, because each is judged
	hopSize     = 4 * int64(unsafe.Sizeof(NextHop{}))
	innerSize   = 2 * int64(unsafe.Sizeof(NextHop{})) // of what is in an element, nothing is larger
	memberSize  = 16                                  // of a number in a list
	longText    = 4096                                // bytes
	settingSize = 256                                 // of a setting, and of a name
)

// weight is what an element of a file may take besides its own type, by its text.
func weight(raw []byte) int64 {
	inner := int64(bytes.Count(raw, []byte{'{'})-1)*innerSize + int64(bytes.Count(raw, []byte{','}))*memberSize
	text := int64(len(raw))
	if text > longText {
		text *= 2 // there is a name or a list in it of which two copies are made
	}
	return text + max(inner, 0)
}

// Size is how much memory a list takes, about, with what look-ups keep of it.
func (l *List) Size() int64 { return int64(len(l.routes))*listedSize + l.shared }

// sizeOfKind is what the routes that differ by nothing but their destination share.
func sizeOfKind(r *Route) int64 {
	n := kindSize + int64(len(r.NextHops))*hopSize + int64(len(r.Metrics))*2*int64(unsafe.Sizeof(Metric{}))
	for i := range r.Unknown {
		n += 2 * (int64(unsafe.Sizeof(Attr{})) + int64(len(r.Unknown[i].Data)))
	}
	return n
}
