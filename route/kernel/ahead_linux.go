package kernel

import "time"

// aheadBuffers is how many datagrams may be received before they are looked at.
const aheadBuffers = 8

// longDatagram is the size of a datagram after which there may be many more: an
// ordinary host's dumps have none, and a thread for them costs more than it saves.
const longDatagram = 16 << 10

// ahead receives the datagrams of a dump while earlier ones are looked at: for a
// large table, making them takes the kernel as long as using them takes us.
type ahead struct {
	full  chan []byte // in the order received; closed after the last one
	empty chan []byte
	held  []byte // what next gave last
	err   error  // why there are no more; valid when full is closed
}

// receiveAhead starts to receive. The receiver does not know which datagram is the
// last one: looking into each would cost as much as using it.
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

// next gives the next datagram, valid until the next call.
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

// end ends the receiving, and the wait for a datagram that does not come.
func (a *ahead) end(s *socket) {
	_ = s.file.SetReadDeadline(time.Unix(1, 0))
	close(a.empty)
	for range a.full { // until the receiver has let go of the socket
	}
	_ = s.file.SetReadDeadline(time.Time{})
}
