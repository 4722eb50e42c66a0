package main

import (
	"net/netip"
	"slices"

	"github.com/spf13/pflag"

	"routewhy/route/iproute2"
)

// checkIdle refuses flags that would do nothing beside the others: who gives them expects
// something else of the answer. -v and -q may stand everywhere, because an alias may have them, and
// the last of two values counts, as is usual.
func (o *options) checkIdle(m *mode, fs *pflag.FlagSet) error {
	switch {
	case m.flag == "try" && len(o.destinations) == 0:
		if f := firstGiven(fs, packetFlags()); f != nil {
			return usagef("%s describes a packet to a DESTINATION, and there is none", flagName(f)).
				hint("routewhy --try ... 8.8.8.8 --%s ... tells what becomes of such a packet", f.Name)
		}
	case m.flag == "" && o.save != "" && len(o.destinations) == 0:
		if f := firstGiven(fs, append(packetFlags(), "reply", "svg")); f != nil {
			return usagef("%s describes an answer about a DESTINATION, and there is none: --save alone writes all", flagName(f))
		}
	}
	return nil
}

// packetFlags are the flags that say what packet it is.
func packetFlags() []string {
	return []string{"from", "iif", "oif", "vrf", "mark", "tos", "uid", "ipproto", "sport", "dport", "flowlabel"}
}

// firstGiven is the first of some flags that the command line has, in alphabetical order; nil: it
// has none.
func firstGiven(fs *pflag.FlagSet, names []string) *pflag.Flag {
	var found *pflag.Flag
	fs.Visit(func(f *pflag.Flag) {
		if found == nil && slices.Contains(names, f.Name) && f.Value.String() != "false" {
			found = f
		}
	})
	return found
}

// swallowed is the error about a flag that has an address for its value, where that was meant
// as the DESTINATION: the file of --svg; nil: there is none.
func (o *options) swallowed(fs *pflag.FlagSet) *usageError {
	for _, f := range []struct{ flag, value, kind string }{
		{"svg", o.svg, "FILE"}, {"html", o.html, "FILE"}, {"save", o.save, "FILE"}, {"netns", o.netns, "NAME"},
	} {
		if _, err := netip.ParseAddr(f.value); err == nil && fs.Changed(f.flag) {
			return usagef("no DESTINATION: %s is the value of --%s", iproute2.Quote(f.value), f.flag).
				hint("routewhy %s --%s %s", f.value, f.flag, f.kind)
		}
	}
	return nil
}
