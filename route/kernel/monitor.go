package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"routewhy/route"
)

// stampType is the type of the messages in which rtmon writes the time (NLMSG_TSTAMP in
// iproute2's include/libnetlink.h). The body of such a message has two numbers: the seconds
// since 1970 and the microseconds.
const stampType = 15

const stampSize = sizeofNlMsghdr + 8

// IsMonitor reports whether a file begins like one that rtmon(8) wrote on a machine of this
// one's byte order. Head are the first bytes of the file.
func IsMonitor(head []byte) bool {
	return len(head) >= stampSize && binary.NativeEndian.Uint32(head) == stampSize && binary.NativeEndian.Uint16(head[4:]) == stampType
}

// IsSwappedMonitor is like IsMonitor for the other byte order.
func IsSwappedMonitor(head []byte) bool {
	if len(head) < stampSize {
		return false
	}
	return binary.NativeEndian.Uint32(head) == 24<<24 && binary.NativeEndian.Uint16(head[4:]) == stampType<<8
}

// DecodeMonitor decodes a file that rtmon(8) wrote. Such a file has the kernel's messages as
// they came, each after a message with its time. Each is called for each event in turn; Listed
// says that it is no event but an object that was there when rtmon started. The process that
// asked for a change is known only by its port. An event that was not understood is as
// [route.Event] says. If the file ends in the middle of a message, or is damaged from some
// place on, the error is a [DamagedError].
func DecodeMonitor(r io.Reader, each func(e *route.Event, listed bool) error) error {
	var at time.Time
	for n := 1; ; n++ {
		h, body, err := nextSaved(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &DamagedError{Message: n, After: at, Err: err}
		}
		if h.typ == stampType {
			if len(body) < 8 {
				return &DamagedError{Message: n, After: at, Err: errors.New("a time of less than 8 bytes")}
			}
			at = time.Unix(int64(binary.NativeEndian.Uint32(body)), 1000*int64(binary.NativeEndian.Uint32(body[4:])))
			continue
		}
		if e, kept := monitored(h, body); kept {
			e.Time = at
			if err := each(&e, h.flags&nlmMulti != 0); err != nil {
				return err
			}
		}
	}
}

// monitored is the event of a message; false: it is about something that is not routing.
// rtmon follows many more kinds of changes.
func monitored(h savedHeader, body []byte) (e route.Event, kept bool) {
	switch h.typ {
	case rtmNewRoute, rtmDelRoute:
		peek, err := peekRoute(body)
		if err != nil && peek.family == 0 || peek.flags&route.FlagCloned != 0 {
			return e, false
		}
	case rtmNewLink, rtmDelLink, rtmNewAddr, rtmDelAddr, rtmNewNeigh, rtmDelNeigh, rtmNewRule, rtmDelRule, rtmNewNextHop, rtmDelNextHop:
	default:
		return e, false
	}
	e, kept = decodeEvent(h.typ, h.flags, body)
	e.Port = h.pid
	return e, kept
}

// DamagedError says that a file cannot be read from some place on.
type DamagedError struct {
	Message int       // the number of the message, counted from 1
	After   time.Time // of the last message before it
	Err     error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("message %d: %v", e.Message, e.Err) }

func (e *DamagedError) Unwrap() error { return e.Err }

// savedHeader is what matters of the header of a message in a file.
type savedHeader struct {
	typ, flags uint16
	pid        uint32
}

// nextSaved reads one message of a file. The error is io.EOF where the file ends.
func nextSaved(r io.Reader) (savedHeader, []byte, error) {
	var b [sizeofNlMsghdr]byte
	if _, err := io.ReadFull(r, b[:]); err == io.EOF {
		return savedHeader{}, nil, io.EOF
	} else if err != nil {
		return savedHeader{}, nil, errMiddle
	}
	size := int64(binary.NativeEndian.Uint32(b[:]))
	if size < sizeofNlMsghdr || size > maxSaved {
		return savedHeader{}, nil, fmt.Errorf("it claims %d bytes", size)
	}
	body := make([]byte, align(int(size))-sizeofNlMsghdr)
	if got, err := io.ReadFull(r, body); err != nil && int64(got) < size-sizeofNlMsghdr {
		return savedHeader{}, nil, errMiddle
	}
	h := savedHeader{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]), binary.NativeEndian.Uint32(b[12:])}
	return h, body[:size-sizeofNlMsghdr], nil
}

// errMiddle says that a file was cut off.
var errMiddle = errors.New("it ends in the middle")
