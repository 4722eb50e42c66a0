package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listener is a command for scripts: `listener NAME SPEC...` opens sockets and
// continues in the background, under that name, until the namespace of the script is
// gone. A SPEC is tcp:ADDRESS:PORT or udp:ADDRESS:PORT, with ,v6only or ,reuse or
// ,transparent or ,dev=DEVICE after it. An IPv6 ADDRESS is in brackets.
func listener() {
	if len(os.Args) > 1 && os.Args[1] == "-" {
		holdSockets(os.Args[2:])
		return
	}
	cmd := exec.Command("/proc/self/exe", append([]string{"-"}, os.Args[1:]...)...)
	cmd.Args[0] = os.Args[0]
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	ready := make([]byte, 5)
	if err == nil {
		_, err = out.Read(ready)
	}
	if err != nil || string(ready) != "ready" {
		fmt.Fprintln(os.Stderr, "listener:", err)
		os.Exit(1)
	}
}

// holdSockets opens the sockets and waits.
func holdSockets(args []string) {
	_ = os.WriteFile("/proc/self/comm", []byte(args[0]), 0)
	var open []any
	for _, spec := range args[1:] {
		s, err := openSocket(spec)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		open = append(open, s)
	}
	signal.Ignore(syscall.SIGPIPE)
	fmt.Print("ready")
	_ = os.Stdout.Close()
	for range 600 {
		if _, err := os.Stat("/proc/" + os.Getenv("NSPID")); err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = open
}

func openSocket(spec string) (any, error) {
	spec, options, _ := strings.Cut(spec, ",")
	network, address, _ := strings.Cut(spec, ":")
	if strings.HasPrefix(address, "[") {
		network += "6"
	} else {
		network += "4"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = socketOptions(int(fd), network, options) })
		if err == nil {
			err = cerr
		}
		return err
	}}
	if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().IsMulticast() && strings.HasPrefix(network, "udp") {
		return bindGroup(to)
	}
	if strings.HasPrefix(network, "tcp") {
		return lc.Listen(context.Background(), network, address)
	}
	return lc.ListenPacket(context.Background(), network, address)
}

// bindGroup opens a socket that is bound to a group itself, because package net binds such
// a socket to every address. The socket joins no group.
func bindGroup(to netip.AddrPort) (any, error) {
	family, sa := sockaddrAt(to.Addr(), int(to.Port()), 0)
	fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	return fd, err
}

func socketOptions(fd int, network, options string) error {
	only := 0
	if strings.Contains(options, "v6only") {
		only = 1
	}
	var err error
	if strings.HasSuffix(network, "6") {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if strings.Contains(options, "transparent") && err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
	}
	if strings.Contains(options, "reuse") && err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if _, dev, ok := strings.Cut(options, "dev="); ok && err == nil {
		err = unix.BindToDevice(fd, dev)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1)
	}
	return err
}
