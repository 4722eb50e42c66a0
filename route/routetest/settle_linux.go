package routetest

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// localAddr is an IPv6 address and the device it is on.
type localAddr struct {
	addr string
	link uint32
}

// settled reports whether the kernel has propagated the state of devices, and whether
// all usable IPv6 addresses have their local route. When the state is propagated, the
// flag IFF_RUNNING follows the carrier (net/core/link_watch.c). addrconf_dad_work in
// net/ipv6/addrconf.c adds the local route.
func settled() (bool, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return false, err
	}
	defer c.Close()
	up, done, err := linksSettled(c)
	if err != nil || !done {
		return false, err
	}
	return addrsSettled(c, up)
}

func linksSettled(c *netlink.Conn) (up map[uint32]bool, done bool, err error) {
	msgs, err := dump(c, unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg))
	if err != nil {
		return nil, false, err
	}
	up, done = map[uint32]bool{}, true
	for _, m := range msgs {
		index, flags := binary.NativeEndian.Uint32(m.Data[4:]), binary.NativeEndian.Uint32(m.Data[8:])
		if flags&unix.IFF_UP == 0 {
			continue
		}
		up[index] = true
		done = done && (flags&unix.IFF_RUNNING == 0) == (flags&unix.IFF_LOWER_UP == 0)
	}
	return up, done, nil
}

func addrsSettled(c *netlink.Conn, up map[uint32]bool) (bool, error) {
	want, err := localAddrs(c, up)
	if err != nil || len(want) == 0 {
		return err == nil, err
	}
	msgs, err := dump(c, unix.RTM_GETROUTE, append([]byte{unix.AF_INET6}, make([]byte, unix.SizeofRtMsg-1)...))
	if err != nil {
		return false, err
	}
	for _, m := range msgs {
		if m.Data[1] != 128 || m.Data[7] != unix.RTN_LOCAL {
			continue
		}
		a := attrs(m.Data[unix.SizeofRtMsg:])
		if dev := a[unix.RTA_OIF]; len(dev) == 4 {
			delete(want, localAddr{string(a[unix.RTA_DST]), binary.NativeEndian.Uint32(dev)})
		}
	}
	return len(want) == 0, nil
}

// localAddrs are the IPv6 addresses that should get a local route.
func localAddrs(c *netlink.Conn, up map[uint32]bool) (map[localAddr]bool, error) {
	msgs, err := dump(c, unix.RTM_GETADDR, append([]byte{unix.AF_INET6}, make([]byte, unix.SizeofIfAddrmsg-1)...))
	if err != nil {
		return nil, err
	}
	want := map[localAddr]bool{}
	for _, m := range msgs {
		flags, link := m.Data[2], binary.NativeEndian.Uint32(m.Data[4:])
		if !up[link] || flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 {
			continue
		}
		a := attrs(m.Data[unix.SizeofIfAddrmsg:])
		addr := a[unix.IFA_LOCAL]
		if addr == nil {
			addr = a[unix.IFA_ADDRESS]
		}
		want[localAddr{string(addr), link}] = true
	}
	return want, nil
}

func dump(c *netlink.Conn, typ netlink.HeaderType, body []byte) ([]netlink.Message, error) {
	return c.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Dump},
		Data:   body,
	})
}

// attrs are the attributes of a message by their type.
func attrs(b []byte) map[uint16][]byte {
	all := map[uint16][]byte{}
	list, _ := netlink.UnmarshalAttributes(b) // nil if malformed; then nothing matches
	for _, a := range list {
		all[a.Type] = a.Data
	}
	return all
}

// barrier asks for a change that changes nothing. It takes the lock under which all
// changes are made, so after it whoever held the lock has finished.
func barrier() error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], 1) // lo
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_NEWLINK, Flags: netlink.Request | netlink.Acknowledge},
		Data:   body,
	})
	return err
}
