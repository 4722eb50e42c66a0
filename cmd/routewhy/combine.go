package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// claim is a part of the command line that belongs to one family.
type claim struct {
	text   string
	family route.Family
}

// check finds contradictions on the command line, and sets o.family.
func (o *options) check(fs *pflag.FlagSet) error {
	if err := o.checkFiles(); err != nil {
		return err
	}
	if err := o.checkWayBack(); err != nil {
		return err
	}
	return o.checkPacket(append(familyClaims(fs), o.packet.claims()...))
}

// checkPacket refuses contradictions about the packets, and decides their family.
func (o *options) checkPacket(claims []claim) error {
	for _, c := range claims {
		if c.family != claims[0].family {
			return contradiction(claims[0], c)
		}
		o.family = c.family
	}
	if o.packet.vrf.given && o.packet.oif.given {
		return usagef("--vrf and --oif both say what the socket is bound to: give one")
	}
	if err := o.refuseReply(); err != nil {
		return err
	}
	for _, d := range o.destinations {
		if len(claims) > 0 && d.family() != 0 && d.family() != o.family {
			return contradiction(claims[0], claim{d.String(), d.family()})
		}
		if err := o.packet.checkDestination(d); err != nil {
			return err
		}
	}
	return nil
}

// checkFiles refuses combinations of flags about files that make no sense.
func (o *options) checkFiles() error {
	onStdin := slices.DeleteFunc(slices.Clone(o.load), func(s string) bool { return s != "-" })
	switch {
	case o.strict && len(o.load)+len(o.sources) == 0:
		return usagef("--strict goes with --load")
	case o.loadLimit.given && len(o.load)+len(o.sources) == 0:
		return usagef("--load-limit goes with --load")
	case o.redact != "" && o.save == "":
		return usagef("--redact goes with --save")
	case len(onStdin) == 1 && o.batch == "-":
		return usagef("--load - and --batch - both read the one standard input")
	case foreignSuffix(o.save) != "":
		return usagef("--save: %s files are read and not written: .gz and .zst are", foreignSuffix(o.save))
	case o.save == "-" && o.batch != "":
		return usagef("--save - and the answers would both go to standard output")
	case o.html == "-" || o.svg == "-":
		return usagef("--html and --svg write a file: the answer goes to standard output")
	case len(onStdin) > 1:
		return usagef("--load - is given twice, and there is one standard input")
	case o.save == "-" && len(o.destinations) > 0:
		return usagef("--save - and the answer would both go to standard output")
	}
	return nil
}

// checkWayBack refuses what cannot be printed together: the commands of --undo and the
// script of --script are printed instead of the answer.
func (o *options) checkWayBack() error {
	switch {
	case o.undo && o.script.given:
		return usagef("--undo and --script both print commands in place of the answer: give one")
	case o.json && o.undo:
		return usagef("--undo prints commands: in --json, the member undo has them anyway")
	case o.json && o.script.given:
		return usagef("--script prints a shell script, and no JSON")
	}
	return nil
}

// foreignSuffix is the end of a file's name that means a compression that --save does
// not write. It is empty if the name means no such compression.
func foreignSuffix(name string) string {
	for _, end := range []string{".xz", ".bz2", ".zip", ".lzma", ".lz4", ".7z", ".tar"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return end
		}
	}
	return ""
}

// familyClaims are -4 and -6.
func familyClaims(fs *pflag.FlagSet) []claim {
	var claims []claim
	if on, _ := fs.GetBool("ipv4"); on {
		claims = append(claims, claim{"-4", route.IPv4})
	}
	if on, _ := fs.GetBool("ipv6"); on {
		claims = append(claims, claim{"-6", route.IPv6})
	}
	return claims
}

// claims are the properties that restrict a packet to one family.
func (p *packet) claims() []claim {
	var claims []claim
	if p.from.given {
		claims = append(claims, claim{"--from " + p.from.value.String(), route.FamilyOf(p.from.value)})
	}
	if p.flowLabel.given {
		claims = append(claims, claim{"--flowlabel", route.IPv6})
	}
	return claims
}

func contradiction(a, b claim) error {
	return usagef("%s is %s, %s is %s: a packet has one family", a.text, a.family, b.text, b.family)
}

// checkDestination refuses a destination that contradicts the flags.
func (p *packet) checkDestination(d destination) error {
	switch {
	case d.zone != "" && p.oif.given && p.oif.value != d.zone:
		return usagef("%s and --oif %s name two devices", d, p.oif.value)
	case d.zone != "" && p.vrf.given && p.vrf.value != d.zone:
		return usagef("%s and --vrf %s name two devices", d, p.vrf.value)
	case d.port != 0 && p.dport.given && p.dport.value != d.port:
		return usagef("%s and --dport %d name two ports", d, p.dport.value)
	case d.port != 0 && p.proto.given && !hasPorts(p.proto.value):
		return usagef("%s has a port, --ipproto %s has none", d, iproute2.ProtoName(p.proto.value))
	}
	return nil
}

// hasPorts reports whether a protocol may have ports. Every protocol may, except
// those that are known to have none.
func hasPorts(proto uint8) bool {
	switch iproute2.ProtoName(proto) {
	case "icmp", "ipv6-icmp", "esp", "ah", "gre", "ipencap", "ipv6", "igmp", "ospf", "pim", "vrrp", "eigrp":
		return false
	}
	return true
}
