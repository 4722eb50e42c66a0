package kernel

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Requester asks a kernel for changes. It is only for network namespaces that were made
// for a rehearsal: there is no way to get a Requester for another process's namespace.
type Requester struct{ s *socket }

// NewRequester opens a Requester in the namespace of the calling thread. That must not be
// the host's namespace, whose identity is given (the target of /proc/PID/ns/net).
func NewRequester(host string) (*Requester, error) {
	if mine, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || host == "" || mine == host {
		return nil, errors.New("not in a network namespace of its own")
	}
	s, err := openSocket(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return nil, err
	}
	s.set(unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	return &Requester{s}, nil
}

// Close closes the socket.
func (r *Requester) Close() error { return r.s.close() }

// Request asks for one change. Errno is the kernel's error, zero if it made the change,
// and message is the kernel's own text. Err says that the request itself failed.
func (r *Requester) Request(ctx context.Context, typ, flags uint16, body []byte) (errno route.Errno, message string, err error) {
	done := r.s.guard(ctx)
	defer func() { err = done(err) }()
	if err := r.s.send(appendRequest(nil, typ, flags|unix.NLM_F_ACK, r.s.nextSeq(), body)); err != nil {
		return 0, "", err
	}
	for {
		b, err := r.s.receiveOne()
		if err != nil {
			return 0, "", err
		}
		for len(b) > 0 {
			var h header
			var body []byte
			if h, body, b, err = split(b); err != nil {
				return 0, "", err
			}
			if h.typ != unix.NLMSG_ERROR || h.seq != r.s.seq {
				continue
			}
			var no *refusal
			if errors.As(refusalOf(h, body), &no) {
				return route.Errno(no.errno), no.message, nil
			}
			return 0, "", nil
		}
	}
}
