package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"routewhy/cmd/routewhy/internal/schema"
	"routewhy/lookup/check"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// completion is a script that teaches a shell the flags and their values.
func completion(shell string, fs *pflag.FlagSet) string {
	switch shell {
	case "bash":
		return bashCompletion(fs)
	case "zsh":
		return zshCompletion(fs)
	}
	return fishCompletion(fs)
}

// values are what can follow a flag: words, names of this host, or files. The zero value
// means that a shell cannot know any values.
type values struct {
	words []string
	list  string // one of completionLists
	files bool   // any file
}

func (v *values) none() bool { return len(v.words) == 0 && v.list == "" && !v.files }

func flagValues(name string) values {
	switch name {
	case "iif", "oif":
		return values{list: listDevices}
	case "vrf":
		return values{list: listVRFs}
	case "netns":
		return values{list: listNamespaces, files: true}
	case "from":
		return values{list: listAddresses}
	case "load", "save", "record", "history", "html", "svg", "batch", "expect", "junit", "metrics", "try":
		return values{files: true}
	case "table":
		return values{list: listTables}
	case "why-not":
		return values{words: []string{"default", "via", "src", "table", "IPv4", "IPv6"}, list: listDevices}
	case "until":
		return values{words: []string{"route", "default", "dev", "via", "src"}}
	case "errno":
		return values{words: errnoNames()}
	case "explain":
		return values{words: checkIDs()}
	case "redact":
		return values{words: redactWords()}
	case "color":
		return values{words: colorWords()}
	case "completion":
		return values{words: slices.Concat(shells(), completionLists())}
	case "schema":
		return values{words: schema.Names()}
	case "tos":
		return values{words: numberNames(iproute2.TOSNames())}
	case "ipproto":
		return values{words: numberNames(iproute2.Protocols())}
	}
	return values{}
}

// operandValues are what can follow the flags: check IDs after --check, files after flags
// of files, and destinations otherwise.
func operandValues() map[string]values {
	files := values{files: true, words: []string{"live"}}
	return map[string]values{"check": {words: checkIDs()}, "diff": files, "expect": files, "sockets": {list: listAddresses}}
}

// checkIDs are the IDs of all checks.
func checkIDs() []string {
	var ids []string
	for _, c := range check.All() {
		ids = append(ids, c.ID)
	}
	return ids
}

func numberNames(numbers []iproute2.NamedNumber) []string {
	var names []string
	for _, n := range numbers {
		names = append(names, n.Name)
	}
	return names
}

// shellQuote quotes a word for any of the shells.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// errnoNames are the symbols of the errors that have names.
func errnoNames() []string {
	var names []string
	for n := range route.Errno(256) {
		if e := n; e.Text() != "error "+strconv.Itoa(int(e)) {
			names = append(names, e.String())
		}
	}
	return names
}
