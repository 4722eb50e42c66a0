package main

import (
	"net/netip"
	"slices"

	"github.com/spf13/pflag"

	"routewhy/route/iproute2"
)

// checkIdle refuses flags that would do nothing beside the others: who gives them expects
// something else of the answer. -v and -q may stand everywhere, because an alias may have them.
func (o *options) checkIdle(m *mode, fs *pflag.FlagSet) error {
	switch {
	case m.flag == "try" && len(o.destinations) == 0:
		if f := firstGiven(fs, slices.Contains, packetFlags()); f != nil {
			return usagef("%s describes a packet to a DESTINATION, and there is none", flagName(f)).
				hint("routewhy --try ... 8.8.8.8 --%s ... tells what becomes of such a packet", f.Name)
		}
	case m.flag == "" && o.save != "" && len(o.destinations) == 0:
		if f := firstGiven(fs, slices.Contains, append(packetFlags(), "reply", "svg")); f != nil {
			return usagef("%s describes an answer about a DESTINATION, and there is none: --save alone writes all", flagName(f))
		}
	case o.list:
		if f := firstGiven(fs, lacks, []string{"check", "list", "json", "color"}); f != nil {
			return usagef("%s does not go with --list, which makes no check", flagName(f))
		}
	}
	return nil
}

// packetFlags are the flags that say what packet it is.
func packetFlags() []string {
	return []string{"from", "iif", "oif", "vrf", "mark", "tos", "uid", "ipproto", "sport", "dport", "flowlabel"}
}

func lacks(names []string, name string) bool { return !slices.Contains(names, name) }

// firstGiven is the first flag of the command line, in alphabetical order, whose name meets a
// condition; nil: there is none.
func firstGiven(fs *pflag.FlagSet, meets func([]string, string) bool, names []string) *pflag.Flag {
	var found *pflag.Flag
	fs.Visit(func(f *pflag.Flag) {
		if found == nil && meets(names, f.Name) && f.Value.String() != "false" {
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

// parseOnce understands the flags. One that is given twice is an error, because the first would
// do nothing, except for those of which there may be several, and for those that a shell's
// alias may have.
func parseOnce(fs *pflag.FlagSet, args []string) error {
	given := map[string]string{}
	twice := ""
	err := fs.ParseAll(args, func(f *pflag.Flag, value string) error {
		old, before := given[f.Name]
		given[f.Name] = value
		if before && old != value && f.NoOptDefVal != "true" && !slices.Contains([]string{"load", "try", "until", "color"}, f.Name) {
			twice = f.Name
		}
		return fs.Set(f.Name, value)
	})
	switch {
	case err != nil:
		return flagError(fs, err)
	case twice != "":
		return usagef("--%s is given twice, with two values", twice)
	}
	return nil
}
