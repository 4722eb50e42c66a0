package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/kernel"
)

// maxLine is how long a line may be.
const maxLine = 1 << 20

// maxRoutes is how many routes are taken, maxLines how many lines of one file are
// looked at: a few bytes of an archive can stand for any number.
const (
	maxRoutes = 4 << 20
	maxLines  = 16 << 20
	maxWords  = 1 << 18 // of one route: a netlink message has room for some 8000 next hops
)

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
	answers int      // routes that are no entries of a table
	columns []string // of route -n
	title   int      // the line of what may be the title of a table that follows
	names   string   // the file is rt_tables or another that only its name tells
	foreign error    // the file is another system's
}

// text reads lines, each of which says by itself what it is.
func (l *loader) text(name string, r io.Reader) error {
	t := &lines{facts: l.facts, l: l, file: name}
	t.context = fileContext(name)
	if err := t.setTable(&t.context); err != nil {
		l.fault(t.file, 0, err)
	}
	t.names = namesFile(name)
	faults, more := len(l.faults), l.moreFaults
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	for sc.Scan() {
		t.line++
		if bytes.IndexByte(sc.Bytes(), 0) >= 0 {
			return fmt.Errorf("is none of the files that routewhy knows")
		}
		if err := t.take(clean(sc.Text())); err != nil {
			l.fault(t.file, t.line, err)
		}
		if t.foreign != nil {
			return t.foreign
		}
		if err := l.account(); err != nil {
			return err
		}
		if l.facts.routes.Len() > maxRoutes {
			return fmt.Errorf("more than %d routes", maxRoutes)
		}
		if t.line == maxLines {
			return fmt.Errorf("has more than %d lines", maxLines)
		}
	}
	t.end()
	switch {
	case t.answers > 0 && t.taken == 0:
		return errAnswers
	case errors.Is(sc.Err(), bufio.ErrTooLong):
		return fmt.Errorf("line %d has more than %d KiB", t.line+1, maxLine>>10)
	case sc.Err() != nil:
		return cutOff(sc.Err())
	case t.taken == 0 && t.line > 0:
		l.faults, l.moreFaults = l.faults[:faults], more // the whole file is one
		return errUnknown
	}
	return nil
}

// errAnswers: every route was looked up in the cache, and is of no table.
var errAnswers = errors.New("has what `ip route get` answers, and no table")

var errUnknown = errors.New("is none of the files that routewhy knows")

// Shapes of lines.
var (
	ruleLine   = lazily(`^(\d+):\s+(not |from |\[detached\])`)
	linkLine   = lazily(`^(\d+): (\S+): <`)
	oneLine    = lazily(`^(\d+): (\S+)\s+(inet6?) `)
	sysctlLine = lazily(`^[a-z]+\.[a-z0-9_.]+.* ?= ?`)
	unameLine  = lazily(`^Linux \S+ \d+\.\d+\S* #`)
	briefLine  = lazily(`^\S+ +(?:UNKNOWN|NOTPRESENT|DOWN|LOWERLAYERDOWN|TESTING|DORMANT|UP)(?: +(?:[0-9a-f.:]+(?:/\d+| peer )|(?:[0-9a-f]{2}:){5}[0-9a-f]{2} <).*)?$`)
	ipv6Line   = lazily(`^[0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} `)
)

// take reads one line.
func (t *lines) take(s string) error {
	w := strings.Fields(s)
	if len(w) == 0 || isFence(w[0]) {
		t.link, t.columns = 0, nil
		return nil
	}
	if t.names != "" {
		return t.nameLine(s, w)
	}
	if w[0] == "nexthop" && t.pending != nil {
		if len(t.pending) > maxWords {
			t.pending = nil
			return errors.New("a route with more next hops than one may have")
		}
		t.pending = append(t.pending, w...)
		return nil
	}
	if w[0] == "cache" && t.pending != nil {
		t.pending = nil // what was once looked up: it is no entry of a table
		t.answers++
		return nil
	}
	t.settle()
	title := t.title
	t.title = 0
	err := t.listed(s, w)
	switch {
	case title != 0 && t.columns == nil:
		t.l.fault(t.file, title, errLine)
	case err == nil && t.title == 0:
		t.taken++
	}
	return err
}

var errLine = errors.New("not understood")

// settle takes what waited for the line behind it.
func (t *lines) settle() {
	if t.pending != nil {
		if err := t.flush(); err != nil {
			t.l.fault(t.file, t.at, err)
		} else {
			t.taken++
		}
	}
}

// end takes what still waits.
func (t *lines) end() {
	t.settle()
	if t.title != 0 {
		t.l.fault(t.file, t.title, errLine)
	}
}

// listed finds out which listing a line is of.
func (t *lines) listed(s string, w []string) error {
	indented := s[0] == ' ' || s[0] == '\t'
	switch {
	case t.link != 0 && indented:
		return t.deviceLine(w)
	case t.columns == nil && isRoute(w) && !isNeighbour(w): // most lines are
		t.pending, t.at = w, t.line
		t.taken-- // once it is whole
		return nil
	case commandLine().MatchString(s):
		t.context = commandContext(w)
		if err := t.setTable(&t.context); err != nil {
			return err
		}
		t.link, t.columns = 0, nil
		t.listing++
		t.taken-- // says nothing by itself
		return nil
	case linkLine().MatchString(s):
		var err error
		t.link, err = t.parseLink(int(decimal(w[0])), w[1:])
		return err
	case oneLine().MatchString(s):
		i, err := t.define(w[1], int(decimal(w[0])))
		if err != nil {
			return err
		}
		return t.parseAddress(i, w[2:])
	case ruleLine().MatchString(s):
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
	case ipv6Line().MatchString(s):
		return t.proc6(w)
	case w[0] == "id" && len(w) > 1 && w[1][0] >= '0' && w[1][0] <= '9':
		return t.parseNextHop(w[1:])
	case isNeighbour(w):
		return t.parseNeighbour(w)
	case w[0][0] == '#':
		return nil
	case unameLine().MatchString(s):
		return t.release(w)
	case sysctlLine().MatchString(s):
		return t.sysctl(s)
	case briefLine().MatchString(s):
		return t.brief(w)
	}
	if ok, err := t.groupLine(s, w); ok {
		return err
	}
	if t.foreign = foreign(s); t.foreign != nil {
		return nil
	}
	t.title = t.line // unless a table of columns follows
	return nil
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
	w := t.pending
	t.pending = nil
	r, err := t.parseRoute(w, &t.context)
	if err == nil {
		err = checkRoute(&r)
	}
	if err != nil || isNullEntry(&r) {
		return err
	}
	t.place(r, &t.context, slices.Contains(w, "table"))
	return nil
}

// isNullEntry says whether a route stands for that there is none: old kernels
// list it (ip6_null_entry in net/ipv6/route.c).
func isNullEntry(r *route.Route) bool {
	return r.Type == route.TypeUnreachable && r.Metric == 1<<32-1 && r.IsDefault() && r.Family() == route.IPv6
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
		t.taken-- // may be of any program
		return nil
	}
	path := strings.NewReplacer(".", "/", "/", ".").Replace(key)
	t.found(route.FactSysctls, 0)
	if kernel.IsSetting(path) {
		t.snap.Sysctls[path] = strings.TrimSpace(value)
	}
	return nil
}
