package load

import (
	"fmt"
	"path"
	"strings"
	"time"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// context is what the surroundings of a line say about it: the command that
// printed it, or the lines before it.
type context struct {
	kind   kind
	family route.Family // zero: not known
	table  route.Table  // zero: main
	// tableName is the table's name before it is looked up; empty: it was looked up.
	tableName string
	vrf       bool // tableName is a VRF's
	anyTable  bool // the table of the lines is not known
	dev       string
	answers   bool   // the command looks up routes, or lists routes that were looked up
	changes   bool   // the command changes something
	aside     string // what the command prints, which is no table; empty: it may be one
	netns     string // the network namespace; empty: the host's own
	where     string // where the command ran, as [placeOf] gives it
	host      string // the host that the prompt names
	names     string // the kind of a file of names
	numeric   bool   // types are numbers (ip -N)
	all       bool   // the command lists every table
	// partial is what the command selects; empty: everything.
	partial string
	unknown bool         // the command has words that are not known
	sure    bool         // the command was typed, and is not part of a sentence
	seen    route.Family // the family of the last route that showed its family
	rules   rulesSeen
}

// rulesSeen is used to find where one listing of rules ends and the next begins.
type rulesSeen struct {
	last   uint32
	any    bool
	family route.Family
}

// familyOf is the family of a route. The route itself tells it, or its context.
func (c *context) familyOf(r *iproute2.Route) route.Family {
	switch fam := familyHint(r); {
	case fam != 0:
		return fam
	case c.family != 0:
		return c.family
	case strings.HasPrefix(string(r.Error), "-"):
		return route.IPv6
	case r.Scope != "", c.seen == 0:
		return route.IPv4
	}
	return c.seen
}

// familyHint is the family of a route by its addresses, or by words that only routes
// of one family have; zero: the route does not tell.
func familyHint(r *iproute2.Route) route.Family {
	addrs := []string{r.From, r.Gateway, r.PrefSrc}
	for i := range r.NextHops {
		addrs = append(addrs, r.NextHops[i].Gateway)
	}
	for _, s := range addrs {
		if s == "" {
			continue
		}
		if _, fam, ok := destination(s); ok {
			return fam
		}
		switch { // an address may be damaged, and still show its family
		case strings.Contains(s, ":"):
			return route.IPv6
		case dotted().MatchString(s):
			return route.IPv4
		}
	}
	if _, hopLimit := r.Metrics["hoplimit"]; hopLimit || r.Pref != "" {
		return route.IPv6
	}
	return 0
}

// dotted matches what looks like an IPv4 address, even if its parts are no numbers.
var dotted = lazily(`^[^.\s]{1,4}(?:\.[^.\s]{1,4}){3}$`)

// namesFile says which file of names a file is. Only the file's name tells, because
// its content is just numbers and words. An example is rt_tables.
func namesFile(path string) string {
	for _, kind := range []string{"rt_tables", "rt_protos", "date_--utc"} {
		if strings.HasSuffix(path, "/"+kind) || path == kind || strings.Contains(path, kind+".d/") {
			return kind
		}
	}
	return ""
}

// nameOrEnd reports whether a line belongs to a file of names. A command ends the file.
func (t *lines) nameOrEnd(s string) bool {
	if t.context.kind != kindNames {
		return true // the file's own name tells
	}
	_, isCommand := commandIn(s)
	w := strings.Fields(s)
	_, err := iproute2.ParseUint(w[0], 32)
	return !isCommand && (err == nil && len(w) >= 2 && (len(w) == 2 || !beginsRoute(w)) && !ruleLine().MatchString(s) || w[0][0] == '#')
}

// isName reports whether a line is one of a file of names. A line that every such file has
// begins one without a command.
func (t *lines) isName(s string, w []string) bool {
	if t.names == "" && t.columns == nil && isUsualName(w) {
		t.settle()
		_ = t.enter(context{kind: kindNames, names: "rt_tables"})
		return true
	}
	return t.names != "" && t.nameOrEnd(s)
}

// isUsualName reports whether a line is one that every file of tables' names has.
func isUsualName(w []string) bool {
	return len(w) == 2 && (w[0] == "255" && w[1] == "local" || w[0] == "254" && w[1] == "main" || w[0] == "253" && w[1] == "default" || w[0] == "0" && w[1] == "unspec")
}

func (t *lines) nameLine(s string, w []string) error {
	switch {
	case w[0][0] == '#':
		return nil
	case t.names == "date_--utc":
		return t.date(s)
	case len(w) < 2:
		return errLine
	}
	n, err := iproute2.ParseUint(w[0], 32)
	if err != nil {
		return err
	}
	t.known++
	switch {
	case t.names == "rt_tables" && len(t.snap.Names.Tables) >= maxNames:
		return fmt.Errorf("more than %d names", maxNames)
	case t.names == "rt_tables":
		t.nameTable(route.Table(n), strings.Clone(w[1]))
		if t.tables[w[1]] < firstInvented { // [facts.alias] sees to the others
			delete(t.tables, w[1])
		}
	case n < 256:
		t.nameProtocol(route.Protocol(n), strings.Clone(w[1]))
	}
	return nil
}

// date reads what date(1) prints.
func (t *lines) date(s string) error {
	for _, layout := range []string{time.UnixDate, "Mon Jan _2 03:04:05 PM MST 2006", "Mon 02 Jan 2006 03:04:05 PM MST"} {
		if at, err := time.Parse(layout, s); err == nil {
			t.snap.Time = at.UTC()
			t.known++
			return nil
		}
	}
	return errLine
}

// uname reads what uname(1) prints with -a.
func (t *lines) uname(w []string) {
	t.snap.Release, t.snap.Machine = w[2], machine(w[3:])
	if len(w[1]) <= route.MaxHost {
		t.snap.Host = w[1]
	}
}

// machine is the kind of hardware. It is among the last words that uname(1) prints: the
// machine, then on some systems the processor and the platform, which may be "unknown",
// and at the end the name of the system. Empty: the machine cannot be found.
func machine(w []string) string {
	w = w[:max(0, len(w)-1)]
	first := len(w)
	for first > max(0, len(w)-3) && (machineWord().MatchString(w[first-1]) || w[first-1] == "unknown") {
		first--
	}
	if first == len(w) || w[first] == "unknown" || len(w[first]) > route.MaxHost {
		return ""
	}
	return w[first]
}

var machineWord = lazily(`^(?:x86_64|i[3-6]86|aarch64|arm|ppc|s390|mips|riscv|loongarch|sparc|alpha|ia64|parisc|m68k)[a-z0-9_]*$`)

// fileContext is what a file's name says about its content: people name files
// after the command.
func fileContext(name string) context {
	base := path.Base(name)
	if place, ok := namespacePlace(strings.TrimPrefix(base, "ip_netns_exec_")); ok && strings.HasPrefix(base, "ip_netns_exec_") {
		base = path.Base(place.name)
	}
	for _, ext := range []string{".txt", ".json", ".log", ".out", ".gz", ".xz", ".zst", ".bz2", ".lst", ".text", ".jsonl"} {
		base = strings.TrimSuffix(base, ext)
	}
	sep := "_"
	if !strings.Contains(base, "_") {
		sep = "-"
	}
	w := strings.FieldsFunc(base, func(r rune) bool { return r == rune(sep[0]) || r == ' ' })
	c := wordsContext(w, sep)
	if c.family == 0 && sixFile().MatchString(base) {
		c.family = route.IPv6
	} else if c.family == 0 && fourFile().MatchString(base) {
		c.family = route.IPv4
	}
	return c
}

var (
	sixFile  = lazily(`(?i)(?:^|[^a-z0-9])(?:ip|ipv|inet|routes?|rules?|r|addr(?:ess)?|table|rt|v|default|neigh)[-_ ]*6(?:[^0-9.]|$)|(?:^|[_ -])6(?:[_ -]|$)`)
	fourFile = lazily(`(?i)(?:^|[^a-z0-9])(?:ip|ipv|inet|routes?|rules?|r|addr(?:ess)?|table|rt|v|default|neigh)[-_ ]*4(?:[^0-9.]|$)|(?:^|[_ -])4(?:[_ -]|$)`)
)

// wordsContext reads the words of a file's name. They are a command, or name the table
// that the file has. The table's name may contain the separator.
func wordsContext(w []string, sep string) context {
	var c context
	last := func(i int) string { return strings.Join(w[i+1:], sep) }
	for i := 0; i < len(w); i++ {
		next := ""
		if i+1 < len(w) {
			next = w[i+1]
		}
		switch s := strings.ToLower(w[i]); s {
		case "-4", "inet", "ipv4", "v4":
			c.family = route.IPv4
		case "-6", "inet6", "--inet6", "ipv6", "v6":
			c.family = route.IPv6
		case "-n":
			c.numeric = w[i] == "-N"
		case "r", "ro", "route", "routes", "routing":
			c.kind = kindRoutes
		case "rule", "rules", "ru":
			c.kind = kindRules
		case "a", "addr", "address", "addresses":
			c.kind = kindAddrs
		case "link", "links":
			c.kind = kindLinks
		case "neigh", "neighbour", "neighbor", "neighbours", "arp":
			c.kind = kindNeighbours
		case "nexthop", "nexthops":
			c.kind = kindNextHops
		case "ta", "tab", "tabl", "table", "t":
			if c.kind == kindOther {
				c.kind = kindRoutes
			}
			if c.tableNamed(last(i)); next == "all" {
				c.all, c.tableName = true, ""
			} else if next == "" {
				c.anyTable = false
			}
			i = len(w)
		case "vrf":
			c.tableName, c.vrf = last(i), true
			i = len(w)
		case "dev":
			c.dev, c.partial = last(i), "those of "+last(i)
			i = len(w)
		case "get":
			c.answers = c.kind == kindRoutes
		case "grep", "match":
			c.partial = "what " + s + " let through"
		default:
			if m := namedTable().FindStringSubmatch(s); m != nil && c.kind == kindRoutes {
				c.tableName = m[1]
			}
		}
	}
	return c
}

var namedTable = lazily(`^(?:table)?(main|local|\d+)$`)

// setTable finds the table that the context names.
func (f *facts) setTable(c *context) error {
	if c.tableName == "" {
		return nil
	}
	name := c.tableName
	c.tableName = ""
	if c.vrf {
		c.table = f.vrfTable(name)
		return nil
	}
	t, err := f.table(name)
	c.table = t
	if err != nil {
		c.anyTable = true
	}
	return err
}

// vrfTable is the number of a VRF's table. The VRF's device tells the number; until
// the device is read, the number is an invented one.
func (f *facts) vrfTable(name string) route.Table {
	t, ok := f.vrfs[name]
	if !ok {
		t = f.invent()
		f.vrfs[name] = t
		f.nameTable(t, name)
		f.device(name)
	}
	return t
}
