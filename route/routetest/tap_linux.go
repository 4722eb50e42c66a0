package routetest

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// Tap opens a socket that gets every frame that comes to a device of the caller's
// namespace. The socket is closed when the test ends.
func Tap(t testing.TB, link int) int {
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link}); err != nil {
		t.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}
