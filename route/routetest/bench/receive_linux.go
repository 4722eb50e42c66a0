package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// receive dumps the routes of one family, or of both, and only counts the messages. It
// shows how much the kernel needs to hand over a table.
func receive(args []string) error {
	for _, arg := range args {
		family := byte(unix.AF_INET)
		if arg == "6" {
			family = unix.AF_INET6
		}
		if err := receiveFamily(family); err != nil {
			return err
		}
	}
	return nil
}

func receiveFamily(family byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofRtMsg)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], unix.RTM_GETROUTE)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[unix.SizeofNlMsghdr] = family
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for messages := 0; ; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		for b := buf[:n]; len(b) >= unix.SizeofNlMsghdr; messages++ {
			size, typ := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
			switch {
			case typ == unix.NLMSG_DONE:
				fmt.Println(messages)
				return nil
			case typ == unix.NLMSG_ERROR || size < unix.SizeofNlMsghdr || size > len(b):
				return errors.New("no dump")
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}
