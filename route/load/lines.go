package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"routewhy/route"
)

// maxLine is how long a line may be.
const maxLine = 1 << 20

// maxRoutes is how many routes are taken.
const maxRoutes = 4 << 20

// lines reads a text that has listings in it, one after the other.
type lines struct {
	*facts
	l    *loader
	file string
	line int
	context
	link    int      // the device whose listing this is; provisional
	pending []string // a route whose next hops may follow
	at      int      // the line it began on
	taken   int      // lines that were understood
	columns []string // of route -n
	names   string   // the file is rt_tables or rt_protos
}

// text reads lines, each of which says by itself what it is.
func (l *loader) text(name string, r io.Reader) error {
	t := &lines{facts: l.facts, l: l, file: name}
	t.context = fileContext(name)
	t.names = namesFile(name)
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	for sc.Scan() {
		t.line++
		if bytes.IndexByte(sc.Bytes(), 0) >= 0 {
			return fmt.Errorf("is none of the files that routewhy knows")
		}
		if err := t.take(sc.Text()); err != nil {
			l.fault(t.file, t.line, err)
		}
		if l.facts.routes.Len() > maxRoutes {
			return fmt.Errorf("more than %d routes", maxRoutes)
		}
	}
	if err := t.flush(); err != nil {
		l.fault(t.file, t.at, err)
	}
	switch {
	case errors.Is(sc.Err(), bufio.ErrTooLong):
		return fmt.Errorf("line %d has more than %d KiB", t.line+1, maxLine>>10)
	case sc.Err() != nil:
		return sc.Err()
	case t.taken == 0 && t.line > 0:
		return errUnknown
	}
	return nil
}

var errUnknown = errors.New("is none of the files that routewhy knows")

// Shapes of lines.
var (
	ruleLine   = regexp.MustCompile(`^(\d+):\s+(not |from |\[detached\])`)
	linkLine   = regexp.MustCompile(`^(\d+): (\S+): <`)
	oneLine    = regexp.MustCompile(`^(\d+): (\S+)\s+(inet6?) `)
	promptLine = regexp.MustCompile(`^[^<>|]*[$#>%] *(?:sudo +)?(?:\S*/)?(ip|route|netstat|cat|sysctl) `)
	sysctlLine = regexp.MustCompile(`^[a-z]+\.[a-z0-9_.]+.* ?= ?`)
	ipv6Line   = regexp.MustCompile(`^[0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} `)
)

// take reads one line.
func (t *lines) take(s string) error {
	s = strings.TrimRight(strings.ReplaceAll(s, "\\", " "), " \t\r")
	w := strings.Fields(s)
	if len(w) == 0 {
		t.link, t.columns = 0, nil
		return nil
	}
	if t.names != "" {
		return t.nameLine(w)
	}
	if w[0] == "nexthop" && t.pending != nil {
		t.pending = append(t.pending, w...)
		t.taken++
		return nil
	}
	if w[0] == "cache" && t.pending != nil {
		t.pending = nil
		return fmt.Errorf("what ip route get answers is no entry of a table")
	}
	if err := t.flush(); err != nil {
		t.l.fault(t.file, t.at, err)
	}
	err := t.listed(s, w)
	if err == nil {
		t.taken++
	}
	return err
}

// listed finds out which listing a line is of.
func (t *lines) listed(s string, w []string) error {
	indented := s[0] == ' ' || s[0] == '\t'
	switch {
	case t.link != 0 && indented:
		return t.deviceLine(w)
	case t.columns == nil && isRoute(w) && !isNeighbour(w): // most lines are
		t.pending, t.at = w, t.line
		return nil
	case promptLine.MatchString(s):
		t.context = commandContext(w)
		t.link, t.columns = 0, nil
		t.listing++
		return nil
	case linkLine.MatchString(s):
		var err error
		t.link, err = t.parseLink(int(decimal(w[0])), w[1:])
		return err
	case oneLine.MatchString(s):
		t.define(strings.TrimSuffix(w[1], ":"), int(decimal(w[0])))
		t.found(route.FactLinks, 0)
		return t.parseAddress(t.byName[w[1]], w[2:])
	case ruleLine.MatchString(s):
		r, err := t.parseRule(decimal(w[0]), w[1:], &t.context)
		if err == nil {
			t.addRule(r)
		}
		return err
	}
	return t.other(s, w)
}

// other are the listings that are told by their words.
func (t *lines) other(s string, w []string) error {
	switch {
	case t.header(s):
		return nil
	case t.columns != nil:
		return t.columnLine(w)
	case ipv6Line.MatchString(s):
		return t.proc6(w)
	case w[0] == "id" && len(w) > 1 && w[1][0] >= '0' && w[1][0] <= '9':
		return t.parseNextHop(w[1:])
	case isNeighbour(w):
		return t.parseNeighbour(w)
	case w[0][0] == '#':
		return nil
	case sysctlLine.MatchString(s):
		return t.sysctl(s)
	}
	return errors.New("not understood")
}

// decimal reads the digits that a pattern has found.
func decimal(s string) uint32 {
	n, _ := number(strings.TrimRight(s, ":"), 32)
	return uint32(n)
}

// isRoute says whether a line begins as a route does.
func isRoute(w []string) bool {
	var typ route.Type
	if typ.UnmarshalText([]byte(w[0])) == nil && len(w) > 1 && (w[0][0] < '0' || w[0][0] > '9') {
		w = w[1:]
	}
	if w[0] == "default" {
		return true
	}
	addr, _, _ := strings.Cut(w[0], "/")
	_, err := netip.ParseAddr(addr)
	return err == nil
}

// isNeighbour says whether a line is of the neighbour table, whose lines end
// in a state.
func isNeighbour(w []string) bool {
	if _, err := netip.ParseAddr(w[0]); err != nil {
		return false
	}
	switch w[len(w)-1] {
	case "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "INCOMPLETE", "PERMANENT", "NOARP", "NONE":
		return true
	}
	return slices.Contains(w, "lladdr")
}

// flush takes the route that is pending.
func (t *lines) flush() error {
	if t.pending == nil {
		return nil
	}
	w := t.pending
	t.pending = nil
	r, err := t.parseRoute(w, &t.context)
	if err == nil {
		err = checkRoute(&r)
	}
	if err != nil {
		return err
	}
	t.placeRoute(r, slices.Contains(w, "table"))
	return nil
}

// place adds a route whose table may not have been told. Listings of one
// table leave it out, and only table local has routes of certain types.
func (f *facts) place(r route.Route, c *context, told bool) {
	fam := r.Family()
	if told || c.all {
		f.complete[fam] = true
	} else if c.table == 0 && (r.Type == route.TypeLocal || r.Type == route.TypeBroadcast || r.Type == route.TypeAnycast || r.Type == route.TypeMulticast) {
		r.Table = route.TableLocal
	}
	c.seen = fam
	f.found(route.FactRoutes, fam)
	f.addRoute(r)
}

func (t *lines) placeRoute(r route.Route, told bool) { t.place(r, &t.context, told) }

// deviceLine reads a further line of a device.
func (t *lines) deviceLine(w []string) error {
	switch w[0] {
	case "inet", "inet6":
		if len(w) < 2 {
			return errors.New("it ends in the middle")
		}
		return t.parseAddress(t.link, w)
	case "valid_lft":
		return t.lifetimes(w)
	}
	t.linkDetail(t.link, w)
	return nil
}

// sysctl reads "net.ipv4.conf.eth0/100.rp_filter = 1": a dot in a device's name
// is shown as a slash (sysctl(8)).
func (t *lines) sysctl(s string) error {
	key, value, _ := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !strings.HasPrefix(key, "net.") {
		return nil
	}
	path := strings.NewReplacer(".", "/", "/", ".").Replace(key)
	t.snap.Sysctls[path] = strings.TrimSpace(value)
	return nil
}

// namesFile says which names a file has, by its own name: rt_tables is nothing
// but numbers and words.
func namesFile(path string) string {
	for _, kind := range []string{"rt_tables", "rt_protos"} {
		if strings.HasSuffix(path, "/"+kind) || path == kind || strings.Contains(path, kind+".d/") {
			return kind
		}
	}
	return ""
}

func (t *lines) nameLine(w []string) error {
	if w[0][0] == '#' {
		return nil
	}
	if len(w) < 2 {
		return errors.New("not understood")
	}
	n, err := number(w[0], 32)
	if err != nil {
		return err
	}
	t.taken++
	switch {
	case t.names == "rt_tables":
		t.snap.Names.Tables[route.Table(n)] = w[1]
	case n < 256:
		t.snap.Names.Protocols[route.Protocol(n)] = w[1]
	}
	return nil
}

// fileContext is what a file's name says about what it has: people name files
// by the command.
func fileContext(name string) context {
	base := strings.ToLower(path.Base(name))
	c := commandContext(strings.FieldsFunc(base, func(r rune) bool { return r == '_' || r == ' ' }))
	if c.family == 0 && sixFile.MatchString(base) {
		c.family = route.IPv6
	} else if c.family == 0 && fourFile.MatchString(base) {
		c.family = route.IPv4
	}
	return c
}

var (
	sixFile  = regexp.MustCompile(`(^|\D)6(\D|$)`)
	fourFile = regexp.MustCompile(`(^|\D)4(\D|$)`)
)

// commandContext is what a command line says about what it prints.
func commandContext(w []string) context {
	var c context
	for i, s := range w {
		s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s, ".txt"), ".json"), ".log")
		switch s {
		case "-4":
			c.family = route.IPv4
		case "-6", "inet6":
			c.family = route.IPv6
		case "table":
			if i+1 == len(w) {
				continue
			}
			next, _, _ := strings.Cut(w[i+1], ".")
			switch n, err := number(next, 32); {
			case next == "all":
				c.all = true
			case err == nil:
				c.table = route.Table(n)
			default:
				c.table, _ = (route.Names{}).TableByName(next)
			}
		}
	}
	return c
}
