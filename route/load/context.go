package load

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"routewhy/route"
)

// context is what a line means by what stands around it: the command that
// printed it, or the lines before.
type context struct {
	family route.Family // zero: not told
	table  route.Table  // zero: main
	// tableName is the table's name before it is looked up; empty: it was.
	tableName string
	dev       string       // the command lists the routes of one device, and leaves it out
	answers   bool         // the command looks routes up
	seen      route.Family // of the last route that told its family
	rules     rulesSeen
	all       bool // the command lists every table
}

// rulesSeen is what tells a listing of rules from the next one.
type rulesSeen struct {
	last   uint32
	any    bool
	family route.Family
}

// familyOf is the family of a route, by its addresses or by what only IPv6's
// have.
func (c *context) familyOf(line []string) route.Family {
	for i, s := range line {
		switch s {
		case "pref", "hoplimit":
			return route.IPv6
		case "error":
			if i+1 < len(line) && strings.HasPrefix(line[i+1], "-") && c.family != route.IPv4 {
				return route.IPv6
			}
		case "via", "dst", "src", "from":
			if i+1 < len(line) && line[i+1] != "inet6" {
				if a, err := netip.ParseAddr(line[i+1]); err == nil {
					return route.FamilyOf(a)
				}
			}
		}
	}
	switch {
	case c.family != 0:
		return c.family
	case slices.Contains(line, "scope"), c.seen == 0:
		return route.IPv4
	}
	return c.seen
}

// namesFile says what a file is that only its name tells: rt_tables is nothing
// but numbers and words.
func namesFile(path string) string {
	for _, kind := range []string{"rt_tables", "rt_protos", "date_--utc"} {
		if strings.HasSuffix(path, "/"+kind) || path == kind || strings.Contains(path, kind+".d/") {
			return kind
		}
	}
	return ""
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
	n, err := number(w[0], 32)
	if err != nil {
		return err
	}
	t.taken++
	switch {
	case t.names == "rt_tables" && len(t.snap.Names.Tables) >= maxNames:
		return fmt.Errorf("more than %d names", maxNames)
	case t.names == "rt_tables":
		t.snap.Names.Tables[route.Table(n)] = w[1]
		delete(t.tables, w[1])
	case n < 256:
		t.snap.Names.Protocols[route.Protocol(n)] = w[1]
	}
	return nil
}

// date reads what date(1) prints.
func (t *lines) date(s string) error {
	for _, layout := range []string{time.UnixDate, "Mon Jan _2 03:04:05 PM MST 2006", "Mon 02 Jan 2006 03:04:05 PM MST"} {
		if at, err := time.Parse(layout, s); err == nil {
			t.snap.Time = at.UTC()
			t.taken++
			return nil
		}
	}
	return errLine
}

// release reads what uname(1) prints.
func (t *lines) release(w []string) error {
	t.snap.Release = w[2]
	return nil
}

// fileContext is what a file's name says about what it has: people name files
// by the command.
func fileContext(name string) context {
	base := strings.ToLower(path.Base(name))
	if place, ok := namespacePlace(strings.TrimPrefix(base, "ip_netns_exec_")); ok && strings.HasPrefix(base, "ip_netns_exec_") {
		base = path.Base(place.name)
	}
	c := commandContext(strings.FieldsFunc(base, func(r rune) bool { return r == '_' || r == ' ' }))
	if c.family == 0 && sixFile().MatchString(base) {
		c.family = route.IPv6
	} else if c.family == 0 && fourFile().MatchString(base) {
		c.family = route.IPv4
	}
	return c
}

var (
	sixFile  = lazily(`(^|\D)6(\D|$)`)
	fourFile = lazily(`(^|\D)4(\D|$)`)
)

// commandContext is what a command line says about what it prints. Words may be
// short, as ip takes them.
func commandContext(w []string) context {
	var c context
	for i, s := range w {
		s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s, ".txt"), ".json"), ".log")
		next := ""
		if i+1 < len(w) {
			next, _, _ = strings.Cut(w[i+1], ".")
		}
		switch s {
		case "-4":
			c.family = route.IPv4
		case "-6", "inet6", "--inet6":
			c.family = route.IPv6
		case "t", "ta", "tab", "tabl", "table":
			c.all, c.tableName = next == "all", next
		case "vrf":
			c.tableName = next
		case "dev":
			if i+1 < len(w) {
				c.dev = w[i+1]
			}
		case "get":
			c.answers = true
		}
	}
	if c.all {
		c.tableName = ""
	}
	return c
}

// setTable finds the table that the context names.
func (f *facts) setTable(c *context) error {
	if c.tableName == "" {
		return nil
	}
	t, err := f.table(c.tableName)
	c.table, c.tableName = t, ""
	return err
}
