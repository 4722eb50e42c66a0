package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// receiveBuffer is the size of the buffer for one datagram. The kernel makes
// datagrams of up to 32 KiB, if the buffer is large enough.
const receiveBuffer = 64 << 10

// socketBuffer is how many bytes the kernel may queue for a socket. Notifications
// wait there while a long dump is read.
const socketBuffer = 4 << 20

// socket is a netlink socket whose answers are received here.
type socket struct {
	file *os.File // for its deadlines, and to close it
	raw  syscall.RawConn
	pid  uint32 // the netlink port of the socket: the process's ID if that was free
	seq  uint32 // of the last request
	buf  []byte
	// broken says that answers to an abandoned request may still arrive.
	broken bool
}

// dial opens a socket in the host's namespace that is in the given
// notification groups.
func (h *Host) dial(groups uint32) (*socket, error) { return h.dialTo(unix.NETLINK_ROUTE, groups) }

// dialTo opens a socket of another netlink protocol.
func (h *Host) dialTo(protocol int, groups uint32) (*socket, error) {
	var s *socket
	err := h.inside(func() (err error) {
		s, err = openSocket(protocol, groups)
		return err
	})
	if err != nil {
		return nil, cause(err)
	}
	// Kernels before 4.12 have no extended answers; everything else works there too.
	s.set(unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	return s, nil
}

// openSocket opens a socket in the namespace of the calling thread.
func openSocket(protocol int, groups uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "netlink")
	s := &socket{file: file}
	if s.raw, err = file.SyscallConn(); err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	}
	var own unix.Sockaddr
	if err == nil {
		own, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	s.pid = own.(*unix.SockaddrNetlink).Pid
	return s, nil
}

// set sets an option of the socket, and reports whether the kernel took it.
func (s *socket) set(level, option, value int) bool {
	taken := false
	err := s.raw.Control(func(fd uintptr) { taken = unix.SetsockoptInt(int(fd), level, option, value) == nil })
	return err == nil && taken
}

func (s *socket) close() error { return s.file.Close() }

// cause removes what the libraries wrap around an error number, because the text of
// the number says enough.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// refusal is an error number with which the kernel answered.
type refusal struct {
	errno   syscall.Errno
	message string // the kernel's own words (NLMSGERR_ATTR_MSG), if it has any
}

func (e *refusal) Error() string {
	if e.message != "" {
		return fmt.Sprintf("%v: %s", e.errno, e.message)
	}
	return e.errno.Error()
}

func (e *refusal) Unwrap() error { return e.errno }

// why is the text of an error for a gap. It has the errno's symbol, because manual pages
// use the symbols.
func why(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	name := unix.ErrnoName(errno)
	if errno == unix.EOPNOTSUPP { // it has two symbols
		name = route.EOPNOTSUPP.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%s, %v", name, err), ", ")
}

// Faults of a transport, not of a request.
var (
	errCutShort = errors.New("netlink message cut short")
	errOverrun  = errors.New("the kernel dropped answers")
)

// header is struct nlmsghdr.
type header struct {
	typ   uint16
	flags uint16
	seq   uint32
	pid   uint32
}

// split splits the first message off a datagram.
func split(b []byte) (h header, body, rest []byte, err error) {
	if len(b) < sizeofNlMsghdr {
		return h, nil, nil, errCutShort
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < sizeofNlMsghdr || n > len(b) {
		return h, nil, nil, errCutShort
	}
	h = header{
		typ:   binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]),
		seq:   binary.NativeEndian.Uint32(b[8:]),
		pid:   binary.NativeEndian.Uint32(b[12:]),
	}
	return h, b[sizeofNlMsghdr:n], b[min(align(n), len(b)):], nil
}

// refusalOf decodes NLMSG_ERROR, and the NLMSG_DONE that ends a failed dump. Nil:
// there was no error.
func refusalOf(h header, body []byte) error {
	if len(body) < 4 {
		if h.typ == unix.NLMSG_DONE {
			return nil
		}
		return errCutShort
	}
	code := int32(binary.NativeEndian.Uint32(body))
	if code >= 0 {
		return nil
	}
	e := &refusal{errno: syscall.Errno(-code)}
	tlvs := body[4:]
	if h.typ == unix.NLMSG_ERROR && h.flags&unix.NLM_F_ACK_TLVS != 0 {
		tlvs = afterRequest(tlvs, h.flags)
	}
	if h.flags&unix.NLM_F_ACK_TLVS == 0 {
		return e
	}
	for a := (attrs{rest: tlvs}); a.next(); {
		if a.typ == unix.NLMSGERR_ATTR_MSG {
			e.message = a.str()
		}
	}
	return e
}

// afterRequest skips the request that NLMSG_ERROR repeats. If NLM_F_CAPPED is set,
// only the header of the request is repeated.
func afterRequest(b []byte, flags uint16) []byte {
	n := sizeofNlMsghdr
	if flags&unix.NLM_F_CAPPED == 0 && len(b) >= 4 {
		n = align(int(binary.NativeEndian.Uint32(b)))
	}
	if n < 0 || n > len(b) {
		return nil
	}
	return b[n:]
}

// nextSeq returns the number for the next request.
func (s *socket) nextSeq() uint32 {
	s.seq++
	return s.seq
}

// appendRequest appends a netlink message that asks the kernel for something. The
// kernel fills in the sender.
func appendRequest(to []byte, typ, flags uint16, seq uint32, body []byte) []byte {
	to = binary.NativeEndian.AppendUint32(to, uint32(sizeofNlMsghdr+len(body)))
	to = binary.NativeEndian.AppendUint16(to, typ)
	to = binary.NativeEndian.AppendUint16(to, flags|unix.NLM_F_REQUEST)
	to = binary.NativeEndian.AppendUint32(to, seq)
	to = binary.NativeEndian.AppendUint32(to, 0)
	to = append(to, body...)
	return append(to, make([]byte, align(len(body))-len(body))...)
}

// send hands requests to the kernel.
func (s *socket) send(requests []byte) error {
	var fault error
	err := s.raw.Write(func(fd uintptr) bool {
		fault = sendto(int(fd), requests)
		return !errors.Is(fault, unix.EAGAIN)
	})
	if err != nil {
		return err
	}
	return fault
}

func sendto(fd int, b []byte) error {
	for {
		err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return err
		}
	}
}

// receiveOne waits for one datagram from the kernel. It is valid until the next
// call.
func (s *socket) receiveOne() ([]byte, error) {
	if s.buf == nil {
		s.buf = make([]byte, receiveBuffer)
	}
	return s.receive(s.buf)
}

// receive is like receiveOne, but receives into buf.
func (s *socket) receive(buf []byte) ([]byte, error) {
	for {
		var n int
		var from unix.Sockaddr
		var rerr error
		err := s.raw.Read(func(fd uintptr) bool {
			n, from, rerr = recvfrom(int(fd), buf, 0)
			return !errors.Is(rerr, unix.EAGAIN)
		})
		if err == nil {
			err = rerr
		}
		if err != nil {
			return nil, err
		}
		if n > len(buf) {
			return nil, errCutShort
		}
		// Any process may send to the socket; only the kernel has ID 0.
		if sa, ok := from.(*unix.SockaddrNetlink); ok && sa.Pid == 0 {
			return buf[:n], nil
		}
	}
}

// recvfrom receives a datagram and returns its true length.
func recvfrom(fd int, buf []byte, flags int) (int, unix.Sockaddr, error) {
	for {
		n, from, err := unix.Recvfrom(fd, buf, flags|unix.MSG_TRUNC)
		if err != unix.EINTR {
			return n, from, err
		}
	}
}

// guard makes a wait for the kernel stop when ctx ends. The function that it returns
// must be called with the error of the wait. That function ends the guard. If the
// wait stopped because ctx ended, it returns the error of ctx instead. If answers may
// still come to the socket, it marks the socket as broken.
func (s *socket) guard(ctx context.Context) func(error) error {
	stop := context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })
	return func(err error) error {
		if !stop() || gaveUp(err) {
			s.broken = true
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, unix.ENOBUFS):
			return errOverrun
		}
		return err
	}
}

// gaveUp reports whether more of the answer may still come after the error of a
// request. After a refusal, nothing more comes.
func gaveUp(err error) bool {
	var refused *refusal
	return err != nil && !errors.As(err, &refused)
}

// dump sends a dump request and calls take for each message of the answer. If take
// returns an error, the dump ends. The bytes are valid only during the call.
// Interrupted says that the kernel's list changed while it was dumped
// (NLM_F_DUMP_INTR). If the error is a *refusal, it comes from the kernel.
func (s *socket) dump(ctx context.Context, typ uint16, body []byte, take func(typ uint16, body []byte) error) (interrupted bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	done := s.guard(ctx)
	defer func() { err = done(err) }()
	if err := s.send(appendRequest(nil, typ, unix.NLM_F_DUMP, s.nextSeq(), body)); err != nil {
		return false, err
	}
	next := s.receiveOne
	for ahead := false; ; {
		var b []byte
		if b, err = next(); err != nil {
			return interrupted, err
		}
		if !ahead && len(b) >= longDatagram {
			ahead = true
			a := s.receiveAhead()
			defer a.end(s)
			next = a.next
		}
		for len(b) > 0 {
			var h header
			if h, body, b, err = split(b); err != nil {
				return interrupted, err
			}
			if h.seq != s.seq || h.pid != s.pid {
				continue
			}
			interrupted = interrupted || h.flags&unix.NLM_F_DUMP_INTR != 0
			switch h.typ {
			case unix.NLMSG_NOOP:
			case unix.NLMSG_OVERRUN:
				return interrupted, errOverrun
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				return interrupted, refusalOf(h, body)
			default:
				if err := take(h.typ, body); err != nil {
					return interrupted, err
				}
			}
		}
	}
}

// reply is the answer to one request that is not a dump.
type reply struct {
	body []byte // a copy
	err  error  // a *refusal
}

// ask sends requests of one type together, so that there is little time between
// them, and waits for the answer to each.
func (s *socket) ask(ctx context.Context, typ uint16, bodies ...[]byte) (replies []reply, err error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	done := s.guard(ctx)
	defer func() { err = done(err) }()
	first := s.seq + 1
	var requests []byte
	for _, body := range bodies {
		requests = appendRequest(requests, typ, 0, s.nextSeq(), body)
	}
	if err = s.send(requests); err != nil {
		return nil, err
	}
	replies = make([]reply, len(bodies))
	for left := len(replies); left > 0; {
		b, err := s.receiveOne()
		if err != nil {
			return nil, err
		}
		for len(b) > 0 {
			var h header
			var body []byte
			if h, body, b, err = split(b); err != nil {
				return nil, err
			}
			i := int(int32(h.seq - first))
			if h.pid != s.pid || i < 0 || i >= len(replies) {
				continue
			}
			left--
			if h.typ == unix.NLMSG_ERROR {
				replies[i].err = refusalOf(h, body)
			} else {
				replies[i].body = append([]byte(nil), body...)
			}
		}
	}
	return replies, nil
}
