package change_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/rehearse"
	"routewhy/route/routetest"
)

// answer is what the kernel says to a change; the zero answer: it was made.
type answer struct {
	Errno   route.Errno
	Message string
}

// sender makes changes for real, in one namespace.
type sender struct {
	ns   *routetest.Namespace
	conn *netlink.Conn
}

func newSender(t *testing.T, ns *routetest.Namespace) *sender {
	s := &sender{ns: ns}
	ns.Do(func() {
		var err error
		if s.conn, err = netlink.Dial(unix.NETLINK_ROUTE, nil); err != nil {
			t.Fatal(err)
		}
	})
	_ = s.conn.SetOption(netlink.ExtendedAcknowledge, true)
	t.Cleanup(func() { s.conn.Close() })
	return s
}

// send makes one change, after which the engine expects a state.
func (s *sender) send(t *testing.T, c change.Change, after *change.State) answer {
	if w, ok := c.(*change.Sysctl); ok {
		return s.write(w)
	}
	m := encode(t, c, func(name string) int {
		if after == nil {
			return 0
		}
		if l := after.FIB().Snapshot().LinkByName(name); l != nil {
			return l.Index
		}
		return 0
	})
	m.Header.Flags |= netlink.Request | netlink.Acknowledge
	_, err := s.conn.Execute(m)
	var op *netlink.OpError
	var errno syscall.Errno
	switch {
	case err == nil:
		return answer{}
	case !errors.As(err, &op) || !errors.As(err, &errno):
		t.Fatalf("%T: %v", c, err)
	}
	return answer{route.Errno(errno), op.Message}
}

func (s *sender) write(w *change.Sysctl) answer {
	var err error
	s.ns.Do(func() {
		err = os.WriteFile(filepath.Join("/proc/sys", filepath.FromSlash(w.Path)), []byte(w.Value), 0)
	})
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return answer{Errno: route.Errno(errno)}
	}
	return answer{}
}

// encode is the netlink request of a change.
func encode(t *testing.T, c change.Change, index rehearse.IndexOf) netlink.Message {
	t.Helper()
	r, err := rehearse.Encode(c, index)
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(r.Type), Flags: netlink.HeaderFlags(r.Flags)}, Data: r.Body}
}

// barrier changes nothing, under the lock that all changes are made under.
func (h *live) barrier(t *testing.T) {
	if said := h.send.send(t, &change.Link{Verb: change.Modify, Index: 1}, nil); said.Errno != 0 {
		t.Fatal(said)
	}
}

// askReports asks about each device alone: before the kernel answers, it makes the report of its
// carrier that is still to be made (rtnl_getlink, linkwatch_sync_dev, since Linux 6.8). Otherwise
// it makes that at some time later (linkwatch_event), and each such report takes away the
// neighbours of a device without carrier (neigh_carrier_down), also those made since. No dump
// shows for which devices one is still to be made.
func (s *sender) askReports(t *testing.T, have *route.Snapshot) {
	for _, l := range have.Links {
		body := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(body[4:], uint32(l.Index))
		m := netlink.Message{Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request}, Data: body}
		if _, err := s.conn.Execute(m); err != nil && !errors.Is(err, syscall.ENODEV) {
			t.Fatal(err)
		}
	}
}
