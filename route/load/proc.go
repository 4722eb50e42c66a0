package load

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// Flags of a route in /proc/net/route and /proc/net/ipv6_route (linux/route.h,
// linux/ipv6_route.h).
const (
	rtfUp      = 0x0001
	rtfGateway = 0x0002
	rtfReject  = 0x0200
	rtfAnycast = 0x00100000
	rtfCache   = 0x01000000
	rtfLocal   = 0x80000000

	rtfPrefShift = 27
)

// header recognises the line above a table of columns. Most words of net-tools'
// are other ones in other languages, but they stand in the same order.
func (t *lines) header(s string) bool {
	s = strings.ReplaceAll(s, "Next Hop", "Gateway")
	w := strings.Fields(s)
	switch {
	case strings.HasPrefix(s, "Kernel IP"):
		t.columns = nil
	case len(w) >= 8 && w[2] == "Genmask":
		t.columns = columnNames(w)
	case len(w) == 3 && w[0] == "Interface" && w[2] == "Group":
		t.columns = w
	case w[0] == "Iface" && slices.Contains(w, "Mask"), w[0] == "Destination" && (slices.Contains(w, "Iface") || slices.Contains(w, "If")):
		t.columns = w
	default:
		return false
	}
	return true
}

// columnNames are the headings of an IPv4 table of route(8) or netstat(8) in
// English.
func columnNames(w []string) []string {
	names := []string{"Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface", "MSS", "Window", "irtt"}
	if len(w) == 8 && (w[4] == "MSS" || w[6] == "irtt") {
		names = []string{"Destination", "Gateway", "Genmask", "Flags", "MSS", "Window", "irtt", "Iface"}
	}
	return names[:min(len(w), len(names))]
}

// column is the value below a heading.
func (t *lines) column(w []string, names ...string) string {
	for i, c := range t.columns {
		if slices.Contains(names, c) && i < len(w) {
			return w[i]
		}
	}
	return ""
}

// columnLine reads a line of route(8), of netstat(8) or of /proc/net/route.
func (t *lines) columnLine(w []string) error {
	if len(w) < len(t.columns) {
		return fmt.Errorf("%d columns below %d headings", len(w), len(t.columns))
	}
	switch {
	case t.columns[0] == "Interface":
		return t.netstatGroup(w)
	case t.columns[0] == "Iface":
		return t.proc4(w)
	case t.column(t.columns, "Genmask") != "":
		return t.routeLine4(w)
	}
	return t.routeLine6(w)
}

// proc4 reads a line of /proc/net/route (fib_route_seq_show in
// net/ipv4/fib_trie.c): addresses are hexadecimal numbers in the host's byte
// order, which is little-endian nearly everywhere.
func (t *lines) proc4(w []string) error {
	dst, err1 := hex4(t.column(w, "Destination"))
	mask, err2 := hex4(t.column(w, "Mask"))
	gw, err3 := hex4(t.column(w, "Gateway"))
	flags, err4 := strconv.ParseUint(t.column(w, "Flags"), 16, 32)
	metric, err5 := strconv.ParseUint(t.column(w, "Metric"), 10, 32)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return errors.New("not understood")
	}
	r := route.Route{Metric: uint32(metric)}
	hop := route.NextHop{Link: t.device(t.column(w, "Iface"))}
	if flags&rtfGateway != 0 {
		hop.Gateway = gw
	}
	return t.plainRoute(r, dst, mask, hop, flags&rtfReject != 0)
}

// plainRoute adds an IPv4 route of table main, of which no more is known.
func (t *lines) plainRoute(r route.Route, dst, mask netip.Addr, hop route.NextHop, reject bool) error {
	bits, err := maskBits(mask)
	if err != nil {
		return err
	}
	r.Dst = netip.PrefixFrom(dst, bits)
	if r.Dst != r.Dst.Masked() {
		return fmt.Errorf("%s has host bits", r.Dst)
	}
	r.Table, r.Type, r.Protocol = route.TableMain, route.TypeUnicast, route.ProtocolUnspec
	switch {
	case reject:
		r.Type = route.TypeUnreachable
	case hop.Link == 0:
		return errors.New("a blackhole or a throw route: this listing does not tell which")
	default:
		r.NextHops = []route.NextHop{hop}
		if !hop.Gateway.IsValid() {
			r.Scope = route.ScopeLink
		}
	}
	t.found(route.FactRoutes, route.IPv4)
	t.addRoute(r)
	return nil
}

func maskBits(mask netip.Addr) (int, error) {
	m := binary.BigEndian.Uint32(mask.AsSlice())
	bits := 0
	for m<<bits&(1<<31) != 0 && bits < 32 {
		bits++
	}
	if bits < 32 && m<<bits != 0 {
		return 0, fmt.Errorf("the mask %s has holes", mask)
	}
	return bits, nil
}

func hex4(s string) (netip.Addr, error) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 {
		return netip.Addr{}, errors.New("no address")
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b), nil
}

// routeLine4 reads a line of `route -n` or `netstat -rn`. Their names for
// addresses, without -n, are understood where they are always the same.
func (t *lines) routeLine4(w []string) error {
	dst, err1 := columnAddr(t.column(w, "Destination"))
	mask, err2 := columnAddr(t.column(w, "Genmask"))
	flags := t.column(w, "Flags")
	reject := strings.Contains(flags, "!")
	text := t.column(w, "Gateway")
	if text == "-" && reject {
		text = "*"
	}
	gw, err3 := columnAddr(text)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return err
		}
	}
	var r route.Route
	if text := t.column(w, "Metric"); text != "" {
		n, err := number(text, 32)
		if err != nil {
			return err
		}
		r.Metric = uint32(n)
	}
	hop := route.NextHop{Link: t.device(strings.Trim(t.column(w, "Iface"), "-"))}
	if strings.Contains(flags, "G") {
		hop.Gateway = gw
	}
	return t.plainRoute(r, dst, mask, hop, reject)
}

func columnAddr(s string) (netip.Addr, error) {
	switch s {
	case "default", "*":
		return netip.IPv4Unspecified(), nil
	case "link-local":
		return netip.AddrFrom4([4]byte{169, 254}), nil
	case "loopback":
		return netip.AddrFrom4([4]byte{127}), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return a, fmt.Errorf("%q is no address: route -n shows the number", s)
	}
	return a, nil
}

// routeLine6 reads a line of `route -6 -n` or `netstat -6 -rn`.
func (t *lines) routeLine6(w []string) error {
	strip := strings.NewReplacer("[", "", "]", "")
	dst, err := parseDst(strip.Replace(t.column(w, "Destination")), route.IPv6)
	if err != nil {
		return err
	}
	gw, err := parseAddr(strip.Replace(t.column(w, "Gateway")))
	if err != nil {
		return err
	}
	var metric uint64 = 1<<32 - 1 // written as -1
	if text := t.column(w, "Met", "Metric"); text != "-1" {
		if metric, err = number(text, 32); err != nil {
			return err
		}
	}
	var flags uint64
	for flag, bit := range map[string]uint64{"G": rtfGateway, "!": rtfReject} {
		if strings.Contains(t.column(w, "Flag", "Flags"), flag) {
			flags |= bit
		}
	}
	dev := t.column(w, "If", "Iface")
	// Addresses of this host have no next hop in new kernels, and lo in old ones.
	own := dev == "lo" || strings.Contains(t.column(w, "Flag", "Flags"), "n")
	if own && dst.IsSingleIP() && flags == 0 {
		flags |= rtfLocal
	}
	return t.flat6(dst, netip.Prefix{}, gw, uint32(metric), flags, dev)
}

// proc6 reads a line of /proc/net/ipv6_route (rt6_info_route in
// net/ipv6/route.c; ipv6_route_native_seq_show).
func (t *lines) proc6(w []string) error {
	if len(w) < 10 {
		return errors.New("it ends in the middle")
	}
	dst, err1 := hex6(w[0], w[1])
	src, err2 := hex6(w[2], w[3])
	gw, err3 := hex6(w[4], "80")
	metric, err4 := strconv.ParseUint(w[5], 16, 32)
	flags, err5 := strconv.ParseUint(w[8], 16, 32)
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		return errors.New("not understood")
	}
	if src.Bits() == 0 {
		src = netip.Prefix{}
	}
	return t.flat6(dst, src, gw.Addr(), uint32(metric), flags, w[9])
}

func hex6(s, length string) (netip.Prefix, error) {
	b, err := hex.DecodeString(s)
	bits, err2 := strconv.ParseUint(length, 16, 8)
	if err != nil || err2 != nil || len(b) != 16 || bits > 128 {
		return netip.Prefix{}, errors.New("no prefix")
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), int(bits)).Masked(), nil
}

// flat6 adds an IPv6 route of a listing that does not tell the table: what only
// table local has goes there, the rest to main.
func (t *lines) flat6(dst, src netip.Prefix, gw netip.Addr, metric uint32, flags uint64, devName string) error {
	r := route.Route{
		Table: route.TableMain, Dst: dst, Src: src, Metric: metric, Type: route.TypeUnicast,
		Pref: route.Preference(flags >> rtfPrefShift & 3),
	}
	hop := route.NextHop{Link: t.device(devName)}
	if flags&rtfGateway != 0 {
		hop.Gateway = gw
	}
	switch {
	case flags&rtfCache != 0:
		return nil
	case flags&rtfReject != 0:
		r.Type = route.TypeUnreachable
	case flags&rtfLocal != 0:
		r.Table, r.Type = route.TableLocal, route.TypeLocal
	case flags&rtfAnycast != 0:
		r.Table, r.Type = route.TableLocal, route.TypeAnycast
	case dst == netip.MustParsePrefix("ff00::/8"):
		r.Table, r.Type = route.TableLocal, route.TypeMulticast
	}
	r.NextHops = []route.NextHop{hop}
	if isNullEntry(&r) {
		return nil
	}
	t.found(route.FactRoutes, route.IPv6)
	t.addRoute(r)
	return nil
}
