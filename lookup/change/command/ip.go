package command

import (
	"fmt"
	"strings"

	"routewhy/route"
)

// objects are the objects that ip knows, in the order in which it compares an
// abbreviation with them.
const objects = "address addrlabel maddress route rule neighbor neighbour ntable ntbl link l2tp fou ila macsec tunnel tunl " +
	"tuntap tap token tcpmetrics tcp_metrics monitor xfrm mroute mrule netns netconf vrf sr nexthop mptcp ioam help stats"

// ip reads a command of ip(8), beginning with its options.
func (a *args) ip(c *Command) {
	a.options()
	if !a.more() {
		a.refuse("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
	}
	word := a.take()
	switch object := choose(word, objects); object {
	case "":
		a.refuse("Object %q is unknown, try %q.", raw(word), raw("ip help"))
	case "route":
		a.route(c)
	case "rule":
		a.rule(c)
	case "address":
		a.address(c)
	case "link":
		a.iplink(c)
	case "nexthop":
		a.nexthop(c)
	case "neighbor", "neighbour":
		a.neighbour(c)
	case "tunnel", "tunl":
		a.tunnel(c)
	case "tuntap", "tap":
		a.tuntap(c)
	case "help":
		a.refuse("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
	default:
		a.unknown("%q is of ip %s, which is not understood", word, object)
	}
}

// options reads the options of ip itself.
func (a *args) options() {
	for a.more() && strings.HasPrefix(a.peek(), "-") {
		word := a.take()
		if word == "--" {
			return
		}
		opt := word
		if strings.HasPrefix(opt, "--") {
			opt = opt[1:]
		}
		switch chooseExact(opt, "-loops* -family* -4 -6 -0 -M -B -human* -human-readable* -iec -stats* -statistics* -details* -resolve* "+
			"-oneline* -timestamp* -tshort* -Version* -force* -batch* -brief* -json* -pretty* -rcvbuf* -color* -help* -netns* -Numeric* -all* -echo*") {
		case "-4":
			a.family = route.IPv4
		case "-6":
			a.family = route.IPv6
		case "-family":
			a.familyOption()
		case "-0", "-M", "-B":
			a.unknown("%q asks for another family than IPv4 and IPv6", word)
		case "-loops", "-rcvbuf":
			a.value()
		case "-netns":
			name := a.value()
			if !a.netns(name) {
				panic(&SyntaxError{
					Place: a.last(), Message: fmt.Sprintf("the command is about another network namespace, %s", name),
					Hint: "routewhy --netns " + name + " --try, and the command without it",
				})
			}
		case "-batch":
			a.unknown("%q reads commands from a file: routewhy --try FILE does", word)
		case "-Version":
			a.refuse("ip -Version only shows the version")
		case "-help":
			a.refuse("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
		case "":
			if strings.HasPrefix(opt, "-color=") || strings.HasPrefix(opt, "-c=") {
				continue
			}
			a.refuse("Option %q is unknown, try %q.", raw(opt), raw("ip -help"))
		}
	}
}

// netns reports whether a namespace is the one that is examined. It never is, as far
// as is known here.
func (a *args) netns(string) bool { return false }

func (a *args) familyOption() {
	switch name := a.value(); name {
	case "inet":
		a.family = route.IPv4
	case "inet6":
		a.family = route.IPv6
	case "link", "mpls", "bridge":
		a.unknown("%q is another family than IPv4 and IPv6", name)
	case "help":
		a.refuse("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }")
	default:
		a.invalid(name, "invalid protocol family")
	}
}
