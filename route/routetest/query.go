package routetest

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/route"
)

// protoNames are the protocols that RTM_GETROUTE takes, as in /etc/protocols.
func protoNames() map[string]uint8 {
	return map[string]uint8{"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58}
}

const protoUDP = 17

// ParseQuery reads the arguments of `ip route get`, such as
//
//	8.8.8.8 from 10.0.0.1 iif v0 mark 0x1 uid 5 tos 0x10 ipproto tcp sport 1 dport 2
//
// and flowlabel, which ip-route(8) lacks. It gives the flow that the kernel is
// asked about. What the query does not say has the value that the kernel assumes
// when root asks: protocol 17 in IPv4; UID 0, but no UID for a received IPv6
// packet. As with ip(8), the tos is hexadecimal.
func ParseQuery(query string, index func(name string) (int, bool)) (route.Flow, error) {
	words := strings.Fields(query)
	if len(words)%2 != 1 {
		return route.Flow{}, fmt.Errorf("query %q: want a destination and pairs of words", query)
	}
	var f route.Flow
	var err error
	if f.Dst, err = parseQueryAddr(words[0]); err != nil {
		return f, fmt.Errorf("query %q: %w", query, err)
	}
	if f.Dst.Is4() {
		f.Proto = protoUDP
	}
	uid := false
	for w := words[1:]; len(w) > 0; w = w[2:] {
		if err := queryWord(&f, w[0], w[1], index); err != nil {
			return f, fmt.Errorf("query %q: %s: %w", query, w[0], err)
		}
		uid = uid || w[0] == "uid"
	}
	if !uid {
		f.UID = defaultUID(&f)
	}
	return f, nil
}

// defaultUID is the UID that the kernel assumes if root gives none
// (inet6_rtm_getroute).
func defaultUID(f *route.Flow) uint32 {
	if f.In != 0 && f.Dst.Is6() {
		return route.NoUID
	}
	return 0
}

func queryWord(f *route.Flow, word, value string, index func(string) (int, bool)) (err error) {
	switch word {
	case "from":
		f.Src, err = parseQueryAddr(value)
	case "iif":
		f.In, err = queryLink(value, index)
	case "oif", "dev":
		f.Out, err = queryLink(value, index)
	case "mark":
		f.Mark, err = u32(value)
	case "uid":
		f.UID, err = u32(value)
	case "tos", "dsfield":
		var v uint64
		v, err = strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 8)
		f.TOS = uint8(v)
	case "ipproto":
		f.Proto, err = parseProto(value)
	case "sport":
		f.SrcPort, err = u16(value)
	case "dport":
		f.DstPort, err = u16(value)
	case "flowlabel":
		f.FlowLabel, err = u32(value)
	default:
		err = errors.New("unknown word")
	}
	return err
}

func parseQueryAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && (a.Is4In6() || a.Zone() != "") {
		err = fmt.Errorf("%s: neither plain IPv4 nor plain IPv6", s)
	}
	return a, err
}

func queryLink(name string, index func(string) (int, bool)) (int, error) {
	i, ok := index(name)
	if !ok {
		return 0, fmt.Errorf("no device %q", name)
	}
	return i, nil
}

func parseProto(s string) (uint8, error) {
	if n, ok := protoNames()[s]; ok {
		return n, nil
	}
	v, err := strconv.ParseUint(s, 0, 8)
	return uint8(v), err
}

// FormatQuery writes a flow as the shortest query that ParseQuery reads as the
// same flow.
func FormatQuery(f route.Flow, name func(index int) string) string {
	w := []string{f.Dst.String()}
	add := func(given bool, word, format string, value any) {
		if given {
			w = append(w, word, fmt.Sprintf(format, value))
		}
	}
	add(f.Src.IsValid(), "from", "%s", f.Src)
	if f.In != 0 { // a name is looked up only if there is one
		add(true, "iif", "%s", name(f.In))
	}
	if f.Out != 0 {
		add(true, "oif", "%s", name(f.Out))
	}
	add(f.Mark != 0, "mark", "%#x", f.Mark)
	add(f.UID != defaultUID(&f), "uid", "%d", f.UID)
	add(f.TOS != 0, "tos", "%#x", f.TOS)
	add(f.Proto != defaultProto(&f), "ipproto", "%s", protoName(f.Proto))
	add(f.SrcPort != 0, "sport", "%d", f.SrcPort)
	add(f.DstPort != 0, "dport", "%d", f.DstPort)
	add(f.FlowLabel != 0, "flowlabel", "%#x", f.FlowLabel)
	return strings.Join(w, " ")
}

func defaultProto(f *route.Flow) uint8 {
	if f.Dst.Is4() {
		return protoUDP
	}
	return 0
}

func protoName(n uint8) string {
	for name, v := range protoNames() {
		if v == n {
			return name
		}
	}
	return strconv.Itoa(int(n))
}
