package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"routewhy/route"
)

// rtmNewRoute is RTM_NEWROUTE.
const rtmNewRoute = 24

// maxSaved limits the size of one message in a file.
const maxSaved = 1 << 20

// DecodeSaved decodes the netlink messages of a file that `ip route save` wrote.
// The magic number must already be read. Each is called for each route that is an
// entry of a table; the next route overwrites the Route and its next hops. Fault is
// called for each message that is not understood, with the number of the message. The
// result is how many messages there were.
func DecodeSaved(r io.Reader, each func(*route.Route) error, fault func(int, error)) (int, error) {
	d := routeDecoder{passing: true}
	var one route.Route
	var header [sizeofNlMsghdr]byte
	for n := 0; ; n++ {
		if _, err := io.ReadFull(r, header[:]); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, errors.New("it ends in the middle")
		}
		size := int64(binary.NativeEndian.Uint32(header[:]))
		if size < sizeofNlMsghdr || size > maxSaved {
			return n, fmt.Errorf("message %d claims %d bytes", n+1, size)
		}
		body := make([]byte, align(int(size))-sizeofNlMsghdr)
		if got, err := io.ReadFull(r, body); err != nil && int64(got) < size-sizeofNlMsghdr {
			return n, errors.New("it ends in the middle")
		}
		if binary.NativeEndian.Uint16(header[4:]) != rtmNewRoute {
			continue
		}
		body = body[:size-sizeofNlMsghdr]
		h, err := peekRoute(body)
		if err == nil {
			err = d.decode(&one, body, h)
		}
		if err != nil {
			fault(n+1, fmt.Errorf("message %d: %w", n+1, err))
			continue
		}
		if one.Flags&route.FlagCloned != 0 {
			continue
		}
		if err := each(&one); err != nil {
			return n, err
		}
	}
}
