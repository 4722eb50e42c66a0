package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// mode is one of the program's jobs. A command line has exactly one.
type mode struct {
	// flag is the long flag that selects the mode; empty for the main job,
	// which has none.
	flag  string
	usage string
	// flags are the other flags that can be used with the mode.
	flags []string
	// destinations says that the arguments are DESTINATIONs, and that there must be
	// at least one. If it is false, there are no DESTINATIONs.
	destinations bool
	// mayBeNone says that the DESTINATIONs may be left out.
	mayBeNone bool
	// sockets says that an argument may say which sockets are meant.
	sockets bool
	// sources says that the arguments are two sources instead.
	sources bool
	// snapshots says that the arguments are files to read hosts from. There may be no
	// arguments.
	snapshots bool
	// tries says that the arguments are DESTINATIONs. There may be none.
	tries bool
	// checks says that the arguments are IDs of checks. There may be none.
	checks bool
	run    func(context.Context, *options, stdio) error
}

// modes are all modes, the main job first. To add a mode, add it here and to the
// usage text.
func modes() []mode {
	packet := packetFlags()
	common := []string{"ipv4", "ipv6", "netns", "load", "load-limit", "strict", "save", "redact", "html", "json", "color", "verbose", "quiet"}
	return []mode{{
		flags:        slices.Concat(common, packet, []string{"reply", "no-kernel", "svg"}),
		destinations: true,
		run:          explain,
	}, {
		flag:         "why-not",
		usage:        "why it does not go there, and what would make it",
		flags:        slices.Concat(common, packet, []string{"no-kernel"}),
		destinations: true,
		run:          whyNot,
	}, {
		flag:         "unlike",
		usage:        "where the ways of two packets part",
		flags:        slices.Concat(common, packet, []string{"no-kernel"}),
		destinations: true,
		run:          unlike,
	}, {
		flag:         "errno",
		usage:        "what an error comes from that a program got",
		flags:        slices.Concat(common, packet, []string{"no-kernel"}),
		destinations: true,
		run:          causes,
	}, {
		flag:         "watch",
		usage:        "tells whenever an answer changes, why, and who did it",
		flags:        slices.Concat([]string{"ipv4", "ipv6", "netns", "json", "color", "verbose", "quiet", "count", "timeout", "until", "every"}, packet),
		destinations: true,
		mayBeNone:    true,
		run:          watch,
	}, {
		flag:  "record",
		usage: "keeps a history of this host in a folder, until a signal ends it",
		flags: []string{"netns", "max-size", "max-age", "every"},
		run:   recordHost,
	}, {
		flag:         "history",
		usage:        "answers from a record, or from a file of rtmon",
		flags:        slices.Concat([]string{"ipv4", "ipv6", "load", "load-limit", "json", "color", "verbose", "quiet", "at", "since", "until", "who", "count"}, packet),
		destinations: true,
		mayBeNone:    true,
		run:          pastAnswers,
	}, {
		flag:  "dump",
		usage: "every table, in the order the rules consult it",
		flags: slices.Concat(common, []string{"table"}),
		run:   dump,
	}, {
		flag:    "sockets",
		usage:   "what listens, on which addresses, and who can reach it",
		flags:   common,
		sockets: true,
		run:     sockets,
	}, {
		flag:  "batch",
		usage: "a file of destinations, one a line; one decision a line",
		flags: slices.Concat(common, packet, []string{"no-kernel"}),
		run:   batch,
	}, {
		flag:  "coverage",
		usage: "how many addresses each next hop and each route gets",
		flags: slices.Concat(common, packet, []string{"map", "svg"}),
		run:   covers,
	}, {
		flag:    "diff",
		usage:   "what differs between two snapshots, and for which destinations",
		flags:   []string{"ipv4", "ipv6", "netns", "load-limit", "strict", "html", "json", "color", "verbose", "quiet"},
		sources: true,
		run:     diff,
	}, {
		flag:  "try",
		usage: "what a command would do, without making it; or a file of commands",
		flags: slices.Concat(common, packet, []string{"no-kernel", "undo", "script"}),
		tries: true,
		run:   try,
	}, {
		flag:   "check",
		usage:  "what is wrong or surprising on this host",
		flags:  slices.Concat(common, []string{"list", "metrics", "no-kernel"}),
		checks: true,
		run:    checks,
	}, {
		flag:  "explain",
		usage: "what a check is about, by its ID, or what a code of --json means",
		flags: []string{"json", "color"},
		run:   explainCheck,
	}, {
		flag:      "expect",
		usage:     "whether packets go where a file of expectations says, on one host or many",
		flags:     []string{"netns", "load", "load-limit", "strict", "html", "json", "junit", "color", "verbose", "quiet"},
		snapshots: true,
		run:       expectations,
	}}
}

// String names the mode in a message.
func (m *mode) String() string {
	if m.flag == "" {
		return "a DESTINATION"
	}
	return "--" + m.flag
}

// chooseMode finds the mode that the flags ask for. Without any such flag it is the
// first mode.
func chooseMode(fs *pflag.FlagSet, all []mode) (*mode, error) {
	chosen := &all[0]
	for i := range all[1:] {
		m := &all[1+i]
		if f := fs.Lookup(m.flag); !f.Changed || f.Value.String() == "false" {
			continue
		}
		if chosen.flag != "" {
			return nil, usagef("--%s and --%s are two modes: one at a time", chosen.flag, m.flag)
		}
		chosen = m
	}
	return chosen, nil
}

// checkFlags refuses a flag that cannot be used with the mode.
func (m *mode) checkFlags(fs *pflag.FlagSet, all []mode) error {
	var err error
	fs.Visit(func(f *pflag.Flag) {
		if err != nil || f.Name == m.flag || slices.Contains(m.flags, f.Name) {
			return
		}
		if owners := modesWith(f.Name, all); m.flag == "" && len(owners) > 0 {
			err = usagef("%s goes with %s, not with %s", flagName(f), strings.Join(owners, " and "), m)
		} else if len(owners) > 0 {
			err = usagef("%s does not go with %s", flagName(f), m)
		}
	})
	return err
}

// modesWith names the modes that a flag can be used with.
func modesWith(flag string, all []mode) []string {
	var names []string
	for i := range all {
		if slices.Contains(all[i].flags, flag) {
			names = append(names, all[i].String())
		}
	}
	return names
}
