package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"routewhy/route/iproute2"
)

// wordFault refuses a word that stands in the place of a host's name and has another
// meaning: the name of a flag, of a device or of a table, or a word of ip(8). It does so
// without asking the resolver, which may take seconds. To ask about a host with that name,
// the user adds a dot to the name.
func (o *options) wordFault(d destination) *usageError {
	word := d.host
	if d.kind != kindHost || d.port != 0 || strings.Contains(word, ".") {
		return nil
	}
	what, hint := o.meaning(strings.ToLower(word))
	if what == "" && o.netns == "" && len(o.load) == 0 && isDevice(word) {
		what, hint = "a device", o.without()+" --oif "+word
	}
	if what == "" {
		return nil
	}
	return usagef("%s is %s, not a DESTINATION", iproute2.Quote(word), what).hint("%s", hint).
		hint("a host of that name is %s. (with a dot)", word)
}

// meaning is what a word means, and the command line that was probably meant. Both are
// empty if the word has no such meaning.
func (o *options) meaning(word string) (what, hint string) {
	f := new(options).flagSet(modes()).Lookup(word)
	switch {
	case strings.HasPrefix(word, "d") && len(word) > 5 && typos(word, "default") <= allowedTypos("default"):
		return "a misspelling of default", "routewhy default"
	case word == "all" || word == "any":
		return "a word for every address", "routewhy default explains the default routes"
	case slices.Contains([]string{"main", "local"}, word):
		return "a table", "routewhy --dump --table " + word
	case f != nil && slices.Contains([]string{"help", "version", "man"}, word):
		return "a flag", "routewhy --" + word
	case f != nil && isMode(word):
		return "a flag", strings.TrimSpace("routewhy --" + word + " " + valueOf(f))
	case f != nil:
		return "a flag", strings.TrimSpace(o.without() + " --" + word + " " + valueOf(f))
	case ipRouteFlag(word) != "":
		return "a word of ip(8)", o.without() + " " + ipRouteFlag(word) + " ..."
	case slices.Contains([]string{"route", "rule", "routes", "rules", "table", "tables", "show", "list", "ls"}, word):
		return "a word of ip(8)", "routewhy --dump shows all rules and routes"
	case slices.Contains([]string{"ip", "get", "via", "to", "lookup", "src", "metric", "proto", "scope", "nexthop", "neigh", "addr", "address", "link"}, word):
		return "a word of ip(8)", o.without()
	}
	return "", ""
}

// without is the command line with only those destinations that are not words. If
// there are none, it has a destination as an example.
func (o *options) without() string {
	out := []string{"routewhy"}
	for _, d := range o.destinations {
		if d.kind != kindHost || strings.Contains(d.host, ".") {
			out = append(out, d.String())
		}
	}
	if len(out) == 1 {
		out = append(out, "8.8.8.8")
	}
	return strings.Join(out, " ")
}

func isMode(flag string) bool {
	return slices.ContainsFunc(modes(), func(m mode) bool { return m.flag == flag })
}

// valueOf is a placeholder for a flag's value; empty: the flag needs no value.
func valueOf(f *pflag.Flag) string {
	if f.NoOptDefVal != "" {
		return ""
	}
	return "..."
}
