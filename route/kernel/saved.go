package kernel

import (
	"errors"
	"fmt"
	"io"

	"routewhy/route"
)

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
	for n := 0; ; n++ {
		head, body, err := nextSaved(r)
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, errMiddle):
			return n, err
		case err != nil:
			return n, fmt.Errorf("message %d: %w", n+1, err)
		case head.typ != rtmNewRoute:
			continue
		}
		h, err := peekRoute(body)
		if err == nil {
			_, err = d.next(&one, body, h)
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
