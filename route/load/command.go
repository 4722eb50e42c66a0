package load

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"routewhy/route"
)

// kind is what a command lists.
type kind uint8

const (
	kindOther kind = iota // something that is not read here, or not known
	kindRoutes
	kindRules
	kindAddrs
	kindLinks
	kindNeighbours
	kindNextHops
	kindNames // a file of names such as rt_tables
)

// commandIn finds a command in a line: at a prompt, in a heading, or alone. The
// context says what the command lists. False: there is no command.
func commandIn(s string) (context, bool) {
	if !strings.Contains(s, "ip") && !strings.Contains(s, "route") && !strings.Contains(s, "netstat") && !strings.Contains(s, "cat ") && !strings.Contains(s, "sysctl") {
		return context{}, false
	}
	s = plainQuotes(s)
	if strings.HasPrefix(s, "Every ") { // watch(1), which has the host and the time at the end of the line
		if i := strings.Index(s, ": "); i > 0 {
			s, _, _ = strings.Cut(s[i+2:], "   ")
		}
	}
	at, opener := programAt(s)
	if at < 0 {
		return context{}, false
	}
	c := shellContext(argumentsFrom(s[at:], opener))
	c.sure = atPrompt(s[:at], opener)
	if c.kind != kindOther {
		c.where, c.host = placeOf(s[:at]), hostIn(s[:at])
	}
	if c.aside != "" && (c.unknown || !c.sure) || c.unknown && (!c.sure || opener == 0 && strings.TrimSpace(s[:at]) == "") { // a sentence that has a command in it
		c = context{}
	}
	return c, true
}

// plainQuotes turns the quotes and dashes of word processors back into those that
// somebody typed.
func plainQuotes(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "–", "-", "—", "-", "−", "-").Replace(s)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// programAt finds the name of a program whose listings are read here. It gives the
// place in the line and the quote or bracket before the name; -1: there is none.
func programAt(s string) (int, byte) {
	from := 0
	for {
		start := from + len(s[from:]) - len(strings.TrimLeft(s[from:], " \t"))
		if start == len(s) {
			return -1, 0
		}
		end := start + strings.IndexAny(s[start:]+" ", " \t")
		word := s[start:end]
		bare := strings.TrimLeft(word, "\"'`(<[{*=#$>%:|-")
		opener := byte(0)
		if n := len(word) - len(bare); n > 0 {
			opener = word[n-1]
		}
		if isProgram(strings.TrimRight(bare, "\"'`)>]}*:,;"), s[end:], strings.TrimSpace(s[:start])) {
			return end - len(bare), opener
		}
		from = end
	}
}

// isProgram reports whether a word is one of the programs. It looks at the text
// after and before the word.
func isProgram(word, after, before string) bool {
	first := ""
	if w := strings.Fields(after); len(w) > 0 {
		first = strings.Trim(w[0], "\"'`)]:,;")
	}
	switch path.Base(word) {
	case "ip":
		words := strings.Fields(after)
		for i, w := range words {
			takesOne := i > 0 && slices.Contains([]string{"-n", "-netns", "-f", "-family"}, words[i-1])
			if !strings.HasPrefix(w, "-") && !takesOne {
				object, _, _ := strings.Cut(strings.Trim(w, "\"'`)>]}*:,;"), "|")
				return ipObject(strings.TrimRight(object, ";&")) != ""
			}
		}
	case "route":
		return first == "" && (before == "" || endsInPrompt(before)) || strings.HasPrefix(first, "-")
	case "netstat":
		return strings.HasPrefix(first, "-")
	case "cat", "head", "more", "less":
		return strings.Contains(first, "/proc/net/") || strings.Contains(first, "rt_tables") || strings.Contains(first, "rt_protos") || strings.Contains(first, "/proc/sys/") || strings.HasPrefix(first, "/etc/")
	case "sysctl":
		return before == "" && first != "" || endsInPrompt(before)
	}
	return false
}

// ipObject is the object of ip(8) that a word names; the word may be abbreviated.
// Empty: it names none. The order is that of do_cmd in iproute2's ip/ip.c.
func ipObject(word string) string {
	if word == "" || strings.ToLower(word) != word {
		return ""
	}
	for _, object := range []string{
		"address", "addrlabel", "maddress", "route", "rule", "neighbor", "neighbour", "ntable", "ntbl", "link", "l2tp", "fou", "ila",
		"macsec", "tunnel", "tunl", "tuntap", "tap", "token", "tcpmetrics", "tcp_metrics", "monitor", "xfrm", "mroute", "mrule", "netns", "netconf",
		"vrf", "sr", "nexthop", "mptcp", "ioam", "stats",
	} {
		if strings.HasPrefix(object, word) {
			return object
		}
	}
	return ""
}

const promptSigns = "$#%>❯➜»λ›✗"

func endsInPrompt(before string) bool {
	before = strings.TrimSpace(before)
	for _, word := range []string{"sudo", "doas", "busybox", "time", "+"} {
		before = strings.TrimSpace(strings.TrimSuffix(before, word))
	}
	if before == "" {
		return true
	}
	r := []rune(before)
	return strings.ContainsRune(promptSigns, r[len(r)-1])
}

// atPrompt reports whether a command was typed or is a heading, and is not part of
// a sentence. The text before it tells.
func atPrompt(before string, opener byte) bool {
	return opener != 0 || endsInPrompt(before) || strings.ContainsAny(before, "$#❯➜»λ›✗=") || strings.HasPrefix(strings.TrimSpace(before), "-")
}

// argumentsFrom gives the words of a command line, starting with the program's name.
// They end before the closing quote or before text that is only decoration.
func argumentsFrom(s string, opener byte) []string {
	closer := map[byte]string{'"': `"`, '\'': "'", '`': "`", '(': ")", '<': ">", '[': "]", '{': "}", '*': "*"}[opener]
	if closer != "" {
		s, _, _ = strings.Cut(s, closer)
	}
	for _, sign := range []string{"&&", "||", ";", "|"} {
		s = strings.ReplaceAll(s, sign, " "+sign+" ")
	}
	s = strings.ReplaceAll(s, "|  |", "||")
	var out []string
	for _, w := range strings.Fields(s) {
		switch {
		case strings.Trim(w, "=-#*_~─━│:") == "" && len(w) > 1 && w != "--", w[0] == '#', w[0] == '[':
			return out
		case strings.Contains(w, ">") && strings.Trim(w, "0123456789>&") == "", strings.HasPrefix(w, "2>"), strings.HasPrefix(w, ">"):
			continue // where the output goes
		}
		out = append(out, w)
	}
	if n := len(out); n > 0 {
		out[n-1] = strings.TrimRight(out[n-1], ":`'\")],.")
	}
	return out
}

// shellContext is the context of one line of a shell. The line may have several
// commands, and pipes.
func shellContext(w []string) context {
	var c context
	var segment []string
	n := 0
	take := func() {
		if len(segment) == 0 {
			return
		}
		one := programContext(segment)
		if n++; n == 1 {
			c = one
		} else {
			c = c.and(one)
		}
		segment = nil
	}
	for i := 0; i < len(w); i++ {
		switch w[i] {
		case ";", "&&", "||":
			take()
		case "|":
			take()
			if i+1 < len(w) && !passesAll(w[i+1:]) && c.partial == "" {
				c.partial = "what " + w[i+1] + " let through"
			}
			for i+1 < len(w) && w[i+1] != ";" && w[i+1] != "&&" && w[i+1] != "|" {
				i++
			}
		default:
			segment = append(segment, w[i])
		}
	}
	take()
	return c
}

// passesAll reports whether a program after a pipe prints all of its input.
func passesAll(w []string) bool {
	switch path.Base(w[0]) {
	case "cat", "less", "more", "most", "sort", "tee", "column", "nl", "uniq", "expand", "json_pp", "pbcopy", "xclip", "xsel", "nc", "tac", "most;", "bat", "batcat", "fold", "fmt":
		return true
	case "jq":
		return len(w) == 1 || w[1] == "." || w[1] == "'.'"
	case "python", "python3":
		return slices.Contains(w, "json.tool")
	}
	return false
}

// and is the context of what two commands print one after the other.
func (c context) and(o context) context {
	if c.kind == kindRoutes && o.kind == kindRoutes && (c.tableName != o.tableName || c.all != o.all || c.anyTable || o.anyTable) {
		c.anyTable, c.tableName, c.all, c.table = true, "", false, 0
	}
	if c.kind != kindRoutes && o.kind == kindRoutes {
		family := c.family
		c.tableName, c.all, c.anyTable, c.dev = o.tableName, o.all, o.anyTable, o.dev
		c.family = o.family
		if family != o.family {
			c.family = 0
		}
	} else if c.family != o.family {
		c.family = 0
	}
	if c.partial == "" {
		c.partial = o.partial
	}
	if c.kind != o.kind {
		c.kind = kindOther
	}
	if c.aside != o.aside { // what one of them printed is a table
		c.aside = ""
	}
	c.unknown = c.unknown || o.unknown
	return c
}

// programContext is what one program with its arguments prints.
func programContext(w []string) context {
	switch args := w[1:]; path.Base(w[0]) {
	case "ip":
		return ipContext(args)
	case "route", "netstat":
		c := context{kind: kindRoutes}
		for i, a := range args {
			if a == "-6" || a == "--inet6" || a == "inet6" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "6") {
				c.family = route.IPv6
			}
			if i > 0 && (a == "grep" || a == "add" || a == "del") {
				c.unknown = true
			}
		}
		return c
	case "cat", "head", "more", "less":
		return catContext(args)
	}
	return context{}
}

func catContext(args []string) context {
	if len(args) == 0 {
		return context{unknown: true}
	}
	switch p := args[0]; {
	case strings.Contains(p, "rt_tables"):
		return context{kind: kindNames, names: "rt_tables"}
	case strings.Contains(p, "rt_protos"):
		return context{kind: kindNames, names: "rt_protos"}
	case strings.HasSuffix(p, "/proc/net/route"):
		return context{kind: kindRoutes, family: route.IPv4}
	case strings.HasSuffix(p, "/proc/net/ipv6_route"):
		return context{kind: kindRoutes, family: route.IPv6}
	case strings.HasPrefix(p, "/etc/"):
		return context{aside: "a file of settings, which the kernel need not have", unknown: len(args) > 1}
	}
	return context{}
}

// ipContext is what ip(8) prints for its arguments. Words may be abbreviated as far
// as ip allows.
func ipContext(args []string) context {
	var c context
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		opt := strings.TrimLeft(args[0], "-")
		args = args[1:]
		next := ""
		if len(args) > 0 {
			next = args[0]
		}
		switch {
		case opt == "4":
			c.family = route.IPv4
		case opt == "6":
			c.family = route.IPv6
		case opt == "N", len(opt) > 1 && abbreviates(opt, "Numeric"):
			c.numeric = true
		case opt == "n", abbreviates(opt, "netns"):
			c.netns = next
			args = args[min(1, len(args)):]
		case abbreviates(opt, "family"):
			c.family = map[string]route.Family{"inet": route.IPv4, "inet6": route.IPv6}[next]
			args = args[min(1, len(args)):]
		}
	}
	if len(args) == 0 {
		return c
	}
	object, rest := ipObject(args[0]), args[1:]
	if object == "netns" && len(rest) > 2 && abbreviates(rest[0], "exec") {
		inner := programContext(rest[2:])
		inner.netns = rest[1]
		return inner
	}
	if object == "vrf" && len(rest) > 2 && abbreviates(rest[0], "exec") {
		return programContext(rest[2:])
	}
	if object == "monitor" {
		other := slices.ContainsFunc(rest, func(s string) bool { return ipObject(s) == "" && s != "all" && s != "label" })
		return context{aside: changesListed, unknown: other && !slices.Contains(rest, "dev")}
	}
	verb := "show"
	if len(rest) > 0 {
		if v := ipVerb(rest[0]); v != "" {
			verb, rest = v, rest[1:]
		}
	}
	if verb != "show" {
		c.answers = object == "route" && verb == "get"
		c.changes = verb == "change"
		return c
	}
	switch object {
	case "route":
		c.kind = kindRoutes
		c.routeFilter(rest)
	case "rule":
		c.kind = kindRules
		if c.family == 0 {
			c.family = route.IPv4
		}
		c.filtered(rest)
	case "address":
		c.kind = kindAddrs
		c.filtered(slices.DeleteFunc(slices.Clone(rest), func(s string) bool { return s == "up" }))
	case "link":
		c.kind = kindLinks
		c.filtered(rest)
	case "neighbour", "neighbor":
		c.kind = kindNeighbours
	case "nexthop":
		c.kind = kindNextHops
	}
	return c
}

// ipVerb is what a word tells ip(8) to do with an object: show, get, change, or
// something else that prints no table. Empty: it is no such word.
func ipVerb(word string) string {
	if word == "" {
		return ""
	}
	for _, v := range []struct{ word, verb string }{
		{"show", "show"}, {"list", "show"}, {"lst", "show"}, {"get", "get"}, {"save", "other"}, {"restore", "change"}, {"add", "change"},
		{"append", "change"}, {"change", "change"}, {"chg", "change"}, {"replace", "change"}, {"prepend", "change"}, {"delete", "change"},
		{"set", "change"}, {"flush", "change"}, {"monitor", "other"}, {"help", "other"}, {"showdump", "other"}, {"test", "other"},
	} {
		if strings.HasPrefix(v.word, word) {
			return v.verb
		}
	}
	return ""
}

// filtered notes that a listing has only what its arguments select.
func (c *context) filtered(args []string) {
	if len(args) == 0 {
		return
	}
	if args[0] == "dev" && len(args) > 1 {
		args = args[1:]
	}
	c.partial = "those of " + strings.Join(args, " ")
	c.unknown = len(args) > 1
}

// routeFilter takes the arguments of `ip route show`.
func (c *context) routeFilter(args []string) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		next := ""
		if len(args) > 0 {
			next = args[0]
		}
		two := true
		switch {
		case word == "vrf":
			c.tableName, c.vrf = next, true
		case abbreviates(word, "table"):
			c.tableNamed(next)
		case word == "dev" || word == "oif":
			c.dev, c.partial = next, "those of "+next
		case slices.Contains([]string{"iif", "via", "src", "from", "match", "exact", "scope", "type", "tos", "dsfield", "realm", "realms", "mark", "nhid", "metric", "proto", "protocol"}, word):
			c.partial = "those of " + word + " " + next
		case word == "root" || word == "to":
			if next == "root" || next == "match" || next == "exact" {
				continue
			}
			if next != "0/0" && next != "default" && next != "all" && next != "0.0.0.0/0" && next != "::/0" || word == "to" {
				c.partial = "those of " + word + " " + next
			}
		case word == "cache" || word == "cached" || word == "cloned":
			c.answers, two = true, false
		default:
			two = false
			c.partial = "those of " + word
			_, _, isPrefix := destination(word)
			var typ route.Type
			if word != "default" && !isPrefix && typ.UnmarshalText([]byte(word)) != nil {
				c.unknown = true
			}
		}
		if two {
			args = args[min(1, len(args)):]
		}
	}
}

// tableNamed notes that a command names a table, or a word that means several
// tables.
func (c *context) tableNamed(name string) {
	switch {
	case name == "all" || name == "unspec" || name == "0":
		c.all, c.tableName = true, ""
	case name == "cache":
		c.answers = true
	case strings.ContainsAny(name, "${}<>*()") || name == "" || numberRange().MatchString(name):
		c.anyTable = true
	default:
		c.tableName = name
	}
}

var numberRange = lazily(`^\d+-\d+$`)

// destination reads a word as a prefix or an address.
func destination(s string) (netip.Prefix, route.Family, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p, route.FamilyOf(p.Addr()), err == nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), route.FamilyOf(a), true
	}
	return netip.Prefix{}, 0, false
}

// abbreviates reports whether ip(8) takes a word as short for a longer one.
func abbreviates(word, whole string) bool { return word != "" && strings.HasPrefix(whole, word) }
