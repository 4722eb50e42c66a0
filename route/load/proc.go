package load

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
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

// header recognises the English heading of a table of columns. In other languages,
// the lines below are recognised by their columns, which are in the same order
// ([lines.foreignColumns]).
func (t *lines) header(s string) bool {
	s = strings.ReplaceAll(s, "Next Hop", "Gateway")
	w := strings.Fields(s)
	six := false
	switch {
	case strings.HasPrefix(s, "Kernel IP"):
		t.columns = nil
		t.family = route.IPv4
		if strings.HasPrefix(s, "Kernel IPv6") {
			t.family = route.IPv6
		}
		return true
	case t.boxHeader(w):
		return true
	case len(w) >= 8 && w[2] == "Genmask":
		t.columns = columnNames(w)
	case len(w) == 3 && w[0] == "Interface" && w[2] == "Group":
		t.columns = w
		return true
	case w[0] == "Iface" && slices.Contains(w, "Mask"):
		t.columns = w
	case w[0] == "Destination" && (slices.Contains(w, "Iface") || slices.Contains(w, "If")) && foreign(s, w) == nil:
		t.columns, six = columns6(), true
	default:
		return false
	}
	t.columnsBegin(six)
	return true
}

// columnsBegin begins a listing of columns. It lists only table main, even if no line
// follows; a listing of IPv6 has all tables.
func (t *lines) columnsBegin(six bool) {
	t.backIn()
	if t.skipped() {
		return
	}
	if t.listings[t.listing].rank == rankIP && len(t.from) > 0 && t.from[len(t.from)-1] == int32(t.listing) {
		t.begin(t.file, t.line, t.partial) // another one, without a command before it
	}
	t.listings[t.listing].rank = rankRoute
	if !slices.Contains(t.columns, "Metric") && !six {
		t.listings[t.listing].rank = rankNetstat
	}
	fam := route.IPv4
	if six {
		fam = route.IPv6
	}
	t.columnsOf = fam
	t.tableSeen(familyTable{fam, route.TableMain})
	t.known++
}

func columns6() []string { return []string{"Destination", "Gateway", "Flag"} }

// columnNames are the English headings of an IPv4 table of route(8) or netstat(8).
// In every language, MSS or irtt shows that the columns are netstat's.
func columnNames(w []string) []string {
	names := []string{"Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface", "MSS", "Window", "irtt"}
	if len(w) == 8 && (w[4] == "MSS" || w[6] == "irtt") {
		names = []string{"Destination", "Gateway", "Genmask", "Flags", "MSS", "Window", "irtt", "Iface"}
	}
	return names[:min(len(w), len(names))]
}

// foreignColumns finds out from its columns to which table a line belongs, if the
// headings are in another language or missing.
func (t *lines) foreignColumns(s string, w []string) bool {
	switch {
	case len(w) >= 8 && routeRow().MatchString(s):
		w := w
		if t.title != "" && slices.Contains(strings.Fields(t.title), "irtt") && len(w) == 8 {
			w = []string{"", "", "", "", "MSS", "", "irtt", ""}
		}
		t.columns = columnNames(w)
		t.columnsBegin(false)
	case len(w) >= 6 && routeRow6().MatchString(s) && !slices.Contains(w, "dev"):
		t.columns = columns6()
		t.columnsBegin(true)
	default:
		return false
	}
	t.titles, t.title = nil, ""
	return true
}

// Lines of route(8) and netstat(8) in any language.
var (
	routeRow  = lazily(`^\S+ +\S+ +(?:(?:255|254|252|248|240|224|192|128|0)\.(?:\d+\.){2}\d+) +[UHGRDMACI!]+ +-?\d+ +-?\d+ +-?\d+ +\S+(?: +\d+ +\d+ +\d+)?$`)
	routeRow6 = lazily(`^(?:\[::\]|[0-9a-f:.]*:[0-9a-f:.]*)/\d+ +(?:\[::\]|::|[0-9a-f:]+|\*) +[UHGRDMACIaen!]+ +-?\d+ +\d+(?: +\d+)? +\S+$`)
)

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
	switch {
	case t.unreadBox():
		return nil
	case t.columns[0] == "Interface":
		return t.netstatGroup(w)
	case t.columns[0] == "Iface":
		if len(w) < len(t.columns) {
			return t.fewColumns(w)
		}
		return t.proc4(w)
	case t.columnsOf == route.IPv6:
		return t.routeLine6(w)
	case len(w) < len(t.columns):
		return t.fewColumns(w)
	}
	return t.routeLine4(w)
}

// fewColumns keeps a line of IPv4 routes that lacks columns as an odd route. Lines of other
// programs may be among them.
func (t *lines) fewColumns(w []string) error {
	mask := slices.Index(t.columns, "Genmask")
	if !t.shortRow(w) && mask >= 0 && mask < len(w) && isMask(w[mask]) {
		t.odd(route.Route{Table: route.TableMain}, route.IPv4)
	}
	return fmt.Errorf("%d columns below %d headings", len(w), len(t.columns))
}

func isMask(s string) bool {
	a, err := columnAddr(s)
	if err != nil {
		return false
	}
	_, err = maskBits(a)
	return err == nil
}

// proc4 keeps a line of /proc/net/route (fib_route_seq_show in net/ipv4/fib_trie.c)
// until all lines are there. The addresses are hexadecimal numbers in the host's byte
// order, which is little-endian nearly everywhere. Only all lines together show which
// order it is.
func (t *lines) proc4(w []string) error {
	p := procLine{line: t.line, dev: t.device(t.column(w, "Iface"))}
	var errs [5]error
	p.dst, errs[0] = hex4(t.column(w, "Destination"))
	p.mask, errs[1] = hex4(t.column(w, "Mask"))
	p.gateway, errs[2] = hex4(t.column(w, "Gateway"))
	p.flags, errs[3] = strconv.ParseUint(t.column(w, "Flags"), 16, 32)
	p.metric, errs[4] = metricColumn(t.column(w, "Metric"))
	if errors.Join(errs[:]...) != nil {
		t.odd(route.Route{Table: route.TableMain}, route.IPv4)
		return errors.New("not understood")
	}
	t.proc = append(t.proc, p)
	t.procLines++
	return nil
}

// procLine is a line of /proc/net/route with its addresses as numbers.
type procLine struct {
	line               int
	dev                int // provisional
	dst, mask, gateway uint32
	flags              uint64
	metric             uint32
}

// takeProc adds the routes of a listing of /proc/net/route.
func (t *lines) takeProc() {
	all := t.proc
	t.proc, t.procLines = nil, 0
	order := byteOrder(all)
	addr := func(n uint32) netip.Addr {
		var b [4]byte
		order.PutUint32(b[:], n)
		return netip.AddrFrom4(b)
	}
	for _, p := range all {
		r := route.Route{Metric: p.metric}
		hop := route.NextHop{Link: p.dev}
		if p.flags&rtfGateway != 0 {
			hop.Gateway = addr(p.gateway)
			hideGateway(&hop)
		}
		if err := t.plainRoute(r, addr(p.dst), addr(p.mask), hop, p.flags&rtfReject != 0); err != nil {
			t.l.fault(t.file, p.line, err)
		}
	}
}

// hideGateway notes that a gateway is not readable: a route with a gateway and the address
// 0.0.0.0 has an IPv6 gateway, which these listings cannot show (fib_route_seq_show).
func hideGateway(h *route.NextHop) {
	if h.Gateway == netip.IPv4Unspecified() {
		h.Gateway, h.Flags = netip.Addr{}, h.Flags|route.NextHopUnread
	}
}

// byteOrder is the order in which masks have no holes, and destinations have no bits
// outside their masks. It is big-endian if only that fits.
func byteOrder(all []procLine) binary.ByteOrder {
	fits := func(order binary.ByteOrder) bool {
		for _, p := range all {
			var mask, dst [4]byte
			order.PutUint32(mask[:], p.mask)
			order.PutUint32(dst[:], p.dst)
			if _, err := maskBits(netip.AddrFrom4(mask)); err != nil || binary.BigEndian.Uint32(dst[:])&^binary.BigEndian.Uint32(mask[:]) != 0 {
				return false
			}
			// Nobody has a route for a part of 0.0.0.0/8: such a destination means that the
			// order is the other one.
			if p.mask != 0 && dst[0] == 0 && dst[3] != 0 {
				return false
			}
		}
		return true
	}
	if !fits(binary.LittleEndian) && fits(binary.BigEndian) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// metricColumn reads a metric, which net-tools prints as a signed number.
func metricColumn(s string) (uint32, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1<<31 || n > 1<<32-1 {
		return 0, fmt.Errorf("%q is no metric", s)
	}
	return uint32(n), nil
}

// plainRoute adds an IPv4 route of table main about which nothing more is known.
func (t *lines) plainRoute(r route.Route, dst, mask netip.Addr, hop route.NextHop, reject bool) error {
	r.Table, r.Type, r.Protocol = route.TableMain, route.TypeUnicast, route.ProtocolUnspec
	bits, err := maskBits(mask)
	if err == nil {
		r.Dst = netip.PrefixFrom(dst, bits)
		if r.Dst != r.Dst.Masked() {
			err = fmt.Errorf("%s has host bits", r.Dst)
		}
	}
	switch {
	case err != nil:
	case reject:
		r.Type, r.Flags = route.TypeUnreachable, r.Flags|route.FlagNoType
	case hop.Link == 0:
		err = errors.New("a blackhole or a throw route: this listing does not tell which")
	default:
		r.NextHops = []route.NextHop{hop}
		if !hop.Gateway.IsValid() && hop.Flags&route.NextHopUnread == 0 {
			r.Scope = route.ScopeLink
		}
	}
	if err != nil {
		t.odd(r, route.IPv4)
		return err
	}
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

func hex4(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 {
		return 0, errors.New("no address")
	}
	return uint32(n), nil
}

// routeLine4 reads a line of `route -n` or `netstat -rn`. Without -n they print names
// for addresses. Those names that are always the same are understood.
func (t *lines) routeLine4(w []string) error {
	dst, err1 := columnAddr(t.column(w, "Destination"))
	mask, err2 := columnAddr(t.column(w, "Genmask"))
	if err := cmp.Or(err1, err2); err != nil {
		t.odd(route.Route{Table: route.TableMain}, route.IPv4)
		return err
	}
	var r route.Route
	if text := t.column(w, "Metric"); text != "" {
		n, err := metricColumn(text)
		if err != nil {
			t.odd(route.Route{Table: route.TableMain}, route.IPv4)
			return err
		}
		r.Metric = n
	}
	flags := t.column(w, "Flags")
	reject := strings.Contains(flags, "!")
	hop := route.NextHop{Link: t.device(strings.TrimRight(strings.Trim(t.column(w, "Iface"), "-"), ",;"))}
	var odd error
	if strings.Contains(flags, "G") && !reject {
		if hop.Gateway, odd = columnAddr(t.column(w, "Gateway")); odd != nil {
			hop.Flags |= route.NextHopUnread
		}
		hideGateway(&hop)
	}
	return cmp.Or(t.plainRoute(r, dst, mask, hop, reject), odd)
}

func columnAddr(s string) (netip.Addr, error) {
	switch s {
	case "default", "*", "0":
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

// routeLine6 reads a line of `route -6 -n` or `netstat -6 -rn`: the first four
// columns and the last. Between them, the numbers of users and uses have no space
// between them if they are large.
func (t *lines) routeLine6(w []string) error {
	err := t.row6(w)
	if err != nil {
		t.odd(route.Route{}, route.IPv6)
	}
	return err
}

func (t *lines) row6(w []string) error {
	if len(w) < 6 {
		return fmt.Errorf("%d columns are too few", len(w))
	}
	strip := strings.NewReplacer("[", "", "]", "")
	text := strip.Replace(w[0])
	if text == "default" {
		text = "::/0"
	}
	if four, _, _ := strings.Cut(text, "/"); isIPv4(four) {
		text = "::ffff:" + text // net-tools leaves this out
	}
	dst, err := iproute2.ParseDst(text, route.IPv6)
	if err != nil {
		return err
	}
	gw, err := iproute2.ParseAddr(strings.Replace(strip.Replace(w[1]), "*", "::", 1))
	if err != nil {
		return err
	}
	metric, err := metricColumn(w[3])
	if err != nil {
		return err
	}
	var flags uint64
	for flag, bit := range map[string]uint64{"G": rtfGateway, "!": rtfReject} {
		if strings.Contains(w[2], flag) {
			flags |= bit
		}
	}
	dev := w[len(w)-1]
	// Addresses of this host have no next hop in new kernels, and device lo in old ones.
	own := dev == "lo" || strings.Contains(w[2], "n")
	if own && dst.IsSingleIP() && flags == 0 {
		flags |= rtfLocal
	}
	return t.flat6(dst, netip.Prefix{}, gw, metric, flags, dev)
}

func isIPv4(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }

// proc6 reads a line of /proc/net/ipv6_route (rt6_info_route in
// net/ipv6/route.c; ipv6_route_native_seq_show).
func (t *lines) proc6(w []string) error {
	if len(w) < 10 {
		t.odd(route.Route{}, route.IPv6)
		return errors.New("it ends in the middle")
	}
	if t.listings[t.listing].rank == rankIP {
		t.listings[t.listing].rank = rankRoute
	}
	dst, err1 := hex6(w[0], w[1])
	src, err2 := hex6(w[2], w[3])
	gw, err3 := hex6(w[4], "80")
	metric, err4 := strconv.ParseUint(w[5], 16, 32)
	flags, err5 := strconv.ParseUint(w[8], 16, 32)
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		t.odd(route.Route{}, route.IPv6)
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

// flat6 adds an IPv6 route of a listing that does not show the table. Routes that only
// table local can have go there, and the others to main.
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
		r.Type, r.Flags = route.TypeUnreachable, r.Flags|route.FlagNoType
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
	t.addRoute(r)
	return nil
}
