package rehearse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// build makes a copy of the host in an empty namespace.
func (s *stage) build() error {
	empty, err := s.read()
	if err != nil {
		return err
	}
	for _, l := range empty.FIB().Snapshot().Links {
		if l.Up() || l.Flags&route.LinkLoopback == 0 && l.Kind == "" || len(empty.FIB().Snapshot().Addrs) > 0 {
			return errors.New("the namespace to rehearse in is not empty")
		}
	}
	for _, path := range []string{"net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_dad", "net/ipv6/conf/lo/accept_dad"} {
		_, _ = write(path, "0") // a kernel without IPv6 has no such setting
	}
	if err := s.links(); err != nil {
		return err
	}
	target := *s.job.Snapshot
	target.Sysctls = maps.Clone(target.Sysctls)
	maps.DeleteFunc(target.Sysctls, func(path, _ string) bool {
		return strings.HasSuffix(path, "/accept_dad") || strings.HasSuffix(path, "/addr_gen_mode") || !strings.HasPrefix(path, "net/ipv")
	})
	want := change.New(lookup.New(&target))
	for range 2 { // the second pass corrects what the kernel did by itself during the first
		have, err := s.read()
		if err != nil {
			return err
		}
		for _, c := range change.Reach(have, want).Changes {
			if _, err := s.send(c); err != nil {
				return err
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// The kinds of devices that are used instead of this host's devices.
const (
	kindDummy = "dummy"
	kindVeth  = "veth"
	kindVRF   = "vrf"
)

// links makes the devices, with the host's names and indexes.
func (s *stage) links() error {
	kind := kindDummy
	for i := range s.job.Snapshot.Links {
		l := &s.job.Snapshot.Links[i]
		if l.Flags&route.LinkLoopback != 0 && l.Index == route.LoopbackIndex {
			continue
		}
		if l.Kind == kindVRF {
			if no, err := s.link(l, kindVRF, i); err != nil || no.Errno != 0 {
				return errors.Join(err, errors.New("this kernel has no VRFs"))
			}
			continue
		}
		no, err := s.link(l, kind, i)
		if no.Errno == route.EOPNOTSUPP && kind == kindDummy {
			kind = kindVeth
			no, err = s.link(l, kind, i)
		}
		if err == nil && no.Errno != 0 {
			err = fmt.Errorf("no device could be made to stand in for %s: %s", l.Name, no.Errno.Text())
		}
		if err != nil {
			return err
		}
	}
	for i := range s.job.Snapshot.Links {
		if err := s.raise(&s.job.Snapshot.Links[i], i, kind); err != nil {
			return err
		}
	}
	return nil
}

// peerIndex is the index of the other end of the device that replaces the n-th device.
func peerIndex(n int) int { return 1<<20 + n }

// peerName is the name of that other end. No device of the host has it.
func (s *stage) peerName(n int) string {
	name := fmt.Sprintf("peer%d", n)
	taken := func(l route.Link) bool { return l.Name == name }
	for try := 0; slices.ContainsFunc(s.job.Snapshot.Links, taken); try++ {
		name = fmt.Sprintf("%x-%d", try, n)
	}
	return name
}

// link makes a device.
func (s *stage) link(l *route.Link, kind string, n int) (Answer, error) {
	b := ifinfo(l.Index)
	b = attr(b, unix.IFLA_IFNAME, append([]byte(l.Name), 0))
	if l.MTU != 0 && kind != kindVRF {
		b = attr32(b, unix.IFLA_MTU, l.MTU)
	}
	b = attr32(b, unix.IFLA_GROUP, l.Group)
	info := attr(nil, unix.IFLA_INFO_KIND, []byte(kind))
	switch kind {
	case kindVeth:
		peer := attr(ifinfo(peerIndex(n)), unix.IFLA_IFNAME, append([]byte(s.peerName(n)), 0))
		info = attr(info, unix.IFLA_INFO_DATA, attr(nil, 1, peer)) // VETH_INFO_PEER
	case kindVRF:
		info = attr(info, unix.IFLA_INFO_DATA, attr32(nil, 1, uint32(l.VRFTable))) // IFLA_VRF_TABLE
	}
	b = attr(b, unix.IFLA_LINKINFO, info)
	return s.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, b)
}

func (s *stage) request(typ, flags uint16, body []byte) (Answer, error) {
	errno, message, err := s.ask.Request(s.ctx, typ, flags, body)
	return Answer{errno, message}, err
}

// ifinfo is struct ifinfomsg of a device.
func ifinfo(index int) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	return b
}

// raise puts a device in its VRF. If the host's device is up, raise also sets this device
// up, with or without a carrier. The device does not make a link-local address by itself.
func (s *stage) raise(l *route.Link, n int, kind string) error {
	if l.Index != route.LoopbackIndex {
		if _, err := write(route.ConfPath(route.IPv6, l.Name, "addr_gen_mode"), "1"); err != nil {
			return err
		}
	}
	if m := s.job.Snapshot.Link(l.Master); m != nil && m.Kind == kindVRF {
		if _, err := s.send(&change.Link{Verb: change.Modify, Index: l.Index, Master: &m.Index}); err != nil {
			return err
		}
	}
	if !l.Up() {
		return nil
	}
	if kind == kindVeth && l.Carrier() && l.Index != route.LoopbackIndex && l.Kind != kindVRF {
		if _, err := write(route.ConfPath(route.IPv6, s.peerName(n), "addr_gen_mode"), "1"); err != nil {
			return err
		}
		if _, err := s.send(&change.Link{Verb: change.Modify, Index: peerIndex(n), Up: route.Yes}); err != nil {
			return err
		}
	}
	if kind == kindDummy && !l.Carrier() && l.Index != route.LoopbackIndex && l.Kind != kindVRF {
		if _, err := s.request(unix.RTM_NEWLINK, 0, attr(ifinfo(l.Index), unix.IFLA_CARRIER, []byte{0})); err != nil {
			return err
		}
	}
	b := ifinfo(l.Index)
	flags := uint32(unix.IFF_UP)
	if l.Flags&route.LinkNoARP != 0 {
		flags |= unix.IFF_NOARP
	}
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], flags)
	_, err := s.request(unix.RTM_NEWLINK, 0, b)
	return err
}
