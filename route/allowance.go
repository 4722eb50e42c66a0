package route

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Allowance limits how much memory the contents of files may take. The amounts
// are estimates, rather too large than too small, of what the contents take until
// the questions about them are answered. A limit is needed because a few bytes of
// a compressed file can stand for millions of elements. A nil Allowance has no
// limit. Only one goroutine may use an Allowance.
type Allowance struct {
	limit, left int64
}

// NewAllowance returns an Allowance of limit bytes.
func NewAllowance(limit int64) *Allowance { return &Allowance{limit, limit} }

// Take takes n bytes. If fewer bytes are left, it takes none, and the error is a
// [LimitError].
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

// Give gives n bytes back.
func (a *Allowance) Give(n int64) {
	if a != nil {
		a.left += n
	}
}

// Fits checks whether n bytes are left. If not, the error is the same as Take's.
func (a *Allowance) Fits(n int64) error {
	if a != nil && n > a.left {
		return &LimitError{Limit: a.limit}
	}
	return nil
}

// LimitError says that the contents of files take more memory than is allowed.
type LimitError struct {
	Limit int64 // bytes
	Text  bool  // it is not the memory: so much text takes too long to read
}

func (e *LimitError) Error() string {
	if e.Text {
		return "has more text than can be read within a few seconds"
	}
	return fmt.Sprintf("what it holds takes more than %d MiB of memory", e.Limit>>20)
}

// How much memory things take. Most of the numbers are at least twice the size of the
// thing, because a slice that grows takes more than its elements, and because look-ups
// keep data about the thing as well.
const (
	listedSize  = 5 * int64(unsafe.Sizeof(listed{})) / 2
	kindSize    = 2 * int64(unsafe.Sizeof(Route{})+unsafe.Sizeof(Shape{})+256)
	defaultSize = 1536 // of a default route, because each is judged
	hopSize     = 4 * int64(unsafe.Sizeof(NextHop{}))
	innerSize   = 2 * int64(unsafe.Sizeof(NextHop{})) // of an object inside an element: none is larger
	memberSize  = 16                                  // of a number in a list
	longText    = 4096                                // bytes
	elementSize = 320                                 // the least of an element: the limit is also one of the time that they take to read
	settingSize = 384                                 // of a setting, and of a name
)

// weight estimates, from the text of a file's element, how much memory the element
// may take in addition to the size of its type.
func weight(raw []byte) int64 {
	inner := int64(bytes.Count(raw, []byte{'{'})-1)*innerSize + int64(bytes.Count(raw, []byte{','}))*memberSize
	text := int64(len(raw))
	if text > longText {
		text *= 2 // it contains a name or a list, and two copies of that are made
	}
	return text + max(inner, 0)
}

// Size is about how much memory a list takes, including what look-ups keep of it.
func (l *List) Size() int64 { return int64(len(l.routes))*listedSize + l.shared }

// sizeOfKind is the size of what routes share that differ only in their destination.
func sizeOfKind(r *Route) int64 {
	n := kindSize + int64(len(r.NextHops))*hopSize + int64(len(r.Metrics))*2*int64(unsafe.Sizeof(Metric{}))
	for i := range r.Unknown {
		n += 2 * (int64(unsafe.Sizeof(Attr{})) + int64(len(r.Unknown[i].Data)))
	}
	return n
}
