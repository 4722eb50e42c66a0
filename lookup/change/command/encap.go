package command

import (
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// The kinds of light-weight tunnels that are understood (LWTUNNEL_ENCAP_*).
const (
	encapMPLS = 1
	encapIP   = 2
	encapIP6  = 4
	encapSeg6 = 5
)

// encapsulation reads a light-weight tunnel (lwt_parse_encap in ip/iproute_lwtunnel.c).
func (a *args) encapsulation() route.Encap {
	switch name := a.value(); name {
	case "mpls":
		a.labels(a.value())
		if a.skip("ttl") {
			a.uint8Of(a.value(), `"ttl" value is invalid`)
		}
		if _, has := a.snap.Sysctls[mplsSetting]; !has && a.snap.Modules == route.No {
			a.lacks = &change.Refusal{Errno: route.EOPNOTSUPP, Message: "lwt encapsulation type not supported"}
		}
		return encapMPLS
	case "ip":
		a.tunnelWords("id dst* src* tos* ttl* key csum* seq*", route.IPv4)
		return encapIP
	case "ip6":
		a.tunnelWords("id dst* src* tc* hoplimit* key csum* seq*", route.IPv6)
		return encapIP6
	case "seg6":
		a.segments()
		return encapSeg6
	case "seg6local", "bpf", "rpl", "ioam6", "xfrm", "ila":
		a.unknown("encap %s is not understood", name)
	default:
		a.invalid(name, `"encap type" value is invalid`)
	}
	return 0
}

// mplsSetting is a setting that exists if the kernel has MPLS. A kernel with modules gets it
// when a route asks for it (lwtunnel_valid_encap_type).
const mplsSetting = "net/mpls/platform_labels"

// labels are MPLS labels, separated by slashes.
func (a *args) labels(v string) {
	for part := range strings.SplitSeq(v, "/") {
		if n, ok := number(part, 32); !ok || n >= 1<<20 {
			a.refuse("mpls address is expected rather than %q.", raw(v))
		}
	}
}

// tunnelWords are the words that say where an IP tunnel leads, and how.
func (a *args) tunnelWords(words string, f route.Family) {
	for a.more() {
		switch chooseExact(a.peek(), words) {
		case "":
			return
		case "csum", "seq", "key":
			a.take()
		case "dst", "src":
			a.take()
			a.addr(a.value(), f)
		default:
			name := a.take()
			if v := a.value(); name == "id" {
				if _, ok := number(v, 64); !ok {
					a.invalid(v, `"id" value is invalid`)
				}
			}
		}
	}
}

// segments are the segments of a segment routing header.
func (a *args) segments() {
	mode := false
	for a.more() {
		switch a.peek() {
		case "mode":
			a.take()
			v := a.value()
			mode = true
			if choose(v, "inline encap l2encap encap.red l2encap.red") != v || v == "" {
				a.invalid(v, `"mode" value is invalid`)
			}
		case "segs":
			a.take()
			v := a.value()
			if !mode {
				a.invalid(v, `"segs" provided before "mode"`)
			}
			for part := range strings.SplitSeq(v, ",") {
				a.addr(part, route.IPv6)
			}
		case "hmac":
			a.take()
			a.uint32Of(a.value(), `"hmac" value is invalid`)
		case "cleanup":
			a.take()
		default:
			return
		}
	}
}
