package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Resolve asks the kernel what it would do with a packet (RTM_GETROUTE,
// inet_rtm_getroute and inet6_rtm_getroute), and which table entry it would
// use (RTM_F_FIB_MATCH). These are two look-ups, one right after the other.
//
// A kernel that finds no way has answered, see route.Answer.Errno; that is not an
// error of Resolve. If the flow has a field that the kernel does not accept, the error
// is a [*route.NotAskedError]. Other errors say why the kernel could not be asked. With
// an error, the Answer is zero. The kernel takes an IPv4 flow without a protocol as UDP.
func (h *Host) Resolve(ctx context.Context, f route.Flow) (route.Answer, error) {
	normal, err := encodeFlow(&f, 0)
	if err != nil {
		return route.Answer{}, err
	}
	match, err := encodeFlow(&f, rtmFibMatch)
	if err != nil {
		return route.Answer{}, err
	}
	replies, err := h.ask(ctx, normal, match)
	if err != nil {
		return route.Answer{}, err
	}
	answer, err := answerOf(replies[0])
	if err != nil {
		return route.Answer{}, err
	}
	if f.Src.IsValid() { // IPv6 says which source it would have chosen
		answer.Src = route.Answer{}.Src
	}
	return answer, setEntry(&answer, replies[1])
}

// ask sends RTM_GETROUTE requests.
func (h *Host) ask(ctx context.Context, bodies ...[]byte) ([]reply, error) {
	h.askMu.Lock()
	defer h.askMu.Unlock()
	s, err := h.askSocket()
	if err != nil {
		return nil, err
	}
	replies, err := s.ask(ctx, unix.RTM_GETROUTE, bodies...)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("asking the kernel for a route: %w", err)
	}
	return replies, err
}

// answerOf decodes the reply to the normal query.
func answerOf(r reply) (route.Answer, error) {
	if r.err == nil {
		return decodeAnswer(r.body)
	}
	errno, err := answeredErrno(r.err)
	if err != nil {
		return route.Answer{}, err
	}
	return route.Answer{Asked: true, Errno: errno}, nil
}

// answeredErrno distinguishes the outcome of a look-up from a fault of the request.
// Only a fault of the request has a message, or is about the protocol or the size.
func answeredErrno(err error) (route.Errno, error) {
	var refused *refusal
	if !errors.As(err, &refused) {
		return 0, err
	}
	switch e := refused.errno; {
	case e == unix.EOPNOTSUPP, e == unix.EMSGSIZE, e == unix.EAFNOSUPPORT,
		e == unix.EINVAL && refused.message != "":
		return 0, &route.NotAskedError{Why: refused.Error()}
	}
	return route.Errno(refused.errno), nil
}

// setEntry adds the reply to the RTM_F_FIB_MATCH query. Kernels before 4.20
// do not know the flag and repeat the normal answer, which is a clone.
func setEntry(a *route.Answer, r reply) error {
	var err error
	if r.err != nil {
		a.EntryErrno, err = answeredErrno(r.err)
		return err
	}
	a.Entry, err = decodeRoute(r.body)
	if a.HasEntry = err == nil && a.Entry.Flags&route.FlagCloned == 0; !a.HasEntry {
		a.Entry = route.Route{}
	}
	return err
}
