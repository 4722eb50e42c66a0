package kernel

import "time"

// aheadBuffers is how many datagrams may be received before they are decoded.
const aheadBuffers = 8

// longDatagram is the size of a datagram after which many more may follow. The dumps
// of an ordinary host have no datagram of that size, and a separate thread for them
// would cost more than it saves.
const longDatagram = 16 << 10

// ahead receives the datagrams of a dump while earlier ones are decoded. For a large
// table, the kernel needs as long to make the datagrams as we need to use them.
type ahead struct {
	full  chan []byte // in the order received; closed after the last one
	empty chan []byte
	held  []byte // the buffer that next returned last
	err   error  // why there are no more; valid after full is closed
}

// receiveAhead starts to receive. The receiver does not know which datagram is the
// last one, because a look into each datagram would cost as much as using it.
func (s *socket) receiveAhead() *ahead {
	a := &ahead{full: make(chan []byte, aheadBuffers), empty: make(chan []byte, aheadBuffers)}
	for range aheadBuffers {
		a.empty <- make([]byte, receiveBuffer)
	}
	go func() {
		defer close(a.full)
		for buf := range a.empty {
			b, err := s.receive(buf)
			if err != nil {
				a.err = err
				return
			}
			a.full <- b
		}
	}()
	return a
}

// next returns the next datagram, which is valid until the next call.
func (a *ahead) next() ([]byte, error) {
	if a.held != nil {
		a.empty <- a.held[:receiveBuffer]
	}
	b, ok := <-a.full
	if !ok {
		return nil, a.err
	}
	a.held = b
	return b, nil
}

// end stops the receiver, even if it waits for a datagram that does not come.
func (a *ahead) end(s *socket) {
	_ = s.file.SetReadDeadline(time.Unix(1, 0))
	close(a.empty)
	for range a.full { // until the receiver has let go of the socket
	}
	_ = s.file.SetReadDeadline(time.Time{})
}
