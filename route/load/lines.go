package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"routewhy/route"
)

// maxLine is how long a line may be. What is longer than maxText is understood only if it
// is JSON: a netlink message, and so one route, has room for about 4000 next hops.
const (
	maxLine = 1 << 20
	maxText = 1 << 18
	// maxHeading is how much of a line is compared with headings, prompts and commands.
	maxHeading = 1 << 8
)

// maxRoutes is how many routes are taken, maxLines is how many lines of one file are
// read, and maxOdd is how many of them may not be understood. The limits are needed
// because a few bytes of an archive can be unpacked to any number of lines.
const (
	maxRoutes = 4 << 20
	maxLines  = 7 << 19
	maxOdd    = 5 << 18
	maxOther  = 1 << 18 // how many of the lines that are not understood may have given no route
	maxWord   = 1 << 14 // bytes of a word
	maxWords  = 1 << 18 // of one route: a netlink message has room for about 8000 next hops
)

// lines reads a text that has listings in it, one after the other.
type lines struct {
	*facts
	l    *loader
	file string
	line int
	context
	base      context // of the whole file, from its name
	frame     frame   // what its lines have around them
	command   int     // the line of a command that has had no output yet; zero: none
	silent    bool
	link      int // the provisional index of the device whose lines these are
	maddrDev  int // the same, in what `ip maddr` prints
	indent    int // of the device's first line
	counts    bool
	blank     bool     // the line before is empty
	apart     bool     // this line is after an empty one
	wasApart  bool     // so was the line before
	boxed     bool     // the table has bars between its columns
	pending   []string // a route or a rule that may go on in the next lines
	wide      bool     // the pending one is a rule
	at        int      // the line where it began
	routeLine int      // the last line of a route
	close     bool     // a route stood in the line after another one
	known     int      // how many things were understood: routes, rules, addresses and so on
	answers   int      // routes that are no entries of a table
	columns   []string // of route -n
	columnsOf route.Family
	heldAt    int    // the number of held
	held      string // a line of columns whose last one may be on the next line
	proc      []procLine
	titles    []int  // lines that may be the heading of a table below
	title     string // the last of them
	number    int    // of the last line that began with its number
	objects   *jsonReader
	json      *embedded
	shell     shell
	left      string // the network namespace of a command that has only headings since line leftAt
	leftAt    int
	elsewhere bool   // listings of another network namespace were skipped
	foreign   error  // a listing of another system is in the file
	passed    string // the last that was passed over of what is no table
	ifconfig  bool   // the line before is from ifconfig
	configs   int    // how many devices it lists
}

// exceeded is the limit that is exceeded if odd lines were not understood, although they
// gave some routes; zero: none.
func exceeded(odd, routes int) int {
	switch {
	case odd > maxOdd:
		return maxOdd
	case odd-routes > maxOther:
		return maxOther
	}
	return 0
}

// text reads a text line by line. Each line shows by its form what it is.
func (l *loader) text(name string, r io.Reader) error {
	t := &lines{facts: l.facts, l: l, file: name}
	t.context = fileContext(name)
	if t.context.answers {
		t.context.kind = kindOther
	}
	t.begin(name, 0, t.context.partial)
	if err := t.setTable(&t.context); err != nil {
		l.fault(t.file, 0, err)
	}
	t.base = t.context
	t.names = namesFile(name)
	faults, more, routes := len(l.faults), l.moreFaults, l.facts.routes.Len()
	ahead := bufio.NewReaderSize(r, maxFrameHead)
	head, _ := ahead.Peek(maxFrameHead)
	sc := bufio.NewScanner(ahead)
	t.frame = frameOf(lineEndings(sc, head))
	sc.Buffer(make([]byte, 1<<12), maxLine)
	for sc.Scan() {
		t.line++
		if bytes.IndexByte(sc.Bytes(), 0) >= 0 {
			return fmt.Errorf("is none of the files that routewhy knows")
		}
		l.read(len(sc.Bytes()))
		if err := t.physical(sc.Text()); err != nil {
			if l.overLimit(err) {
				return err
			}
			l.fault(t.file, t.line, err)
		}
		if err := l.account(); err != nil {
			return err
		}
		if err := l.toil(sc.Bytes(), len(t.titles)); err != nil {
			return err
		}
		if l.facts.routes.Len() > maxRoutes {
			return fmt.Errorf("more than %d routes", maxRoutes)
		}
		if limit := exceeded(l.moreFaults-more+len(t.titles), l.facts.routes.Len()-routes); limit != 0 {
			return fmt.Errorf("has more than %d lines that are not understood: give the listings alone", limit)
		}
		if t.line == maxLines {
			return fmt.Errorf("has more than %d lines", maxLines)
		}
	}
	t.end()
	switch {
	case t.answers > 0 && t.known == 0:
		return errAnswers
	case t.configs > 0 && t.known == 0:
		l.faults, l.moreFaults = l.faults[:faults], more
		return errIfconfig
	case errors.Is(sc.Err(), bufio.ErrTooLong):
		return fmt.Errorf("line %d has more than %d KiB", t.line+1, maxLine>>10)
	case sc.Err() != nil:
		return cutOff(sc.Err())
	case t.foreign != nil && t.known == 0:
		l.faults, l.moreFaults = l.faults[:faults], more
		return fmt.Errorf("is %w", t.foreign)
	case t.passed != "" && t.known == 0:
		l.faults, l.moreFaults = l.faults[:faults], more
		return fmt.Errorf("has %s", t.passed)
	case t.known == 0 && t.elsewhere && l.netns == "":
		return errElsewhere
	case t.known == 0 && l.netns != "" && !l.report: // Within reports that there is no namespace of that name
	case t.known == 0 && t.line > 0:
		l.faults, l.moreFaults = l.faults[:faults], more // the whole file is one fault
		return errUnknown
	}
	return nil
}

// errAnswers: every route is the result of a look-up, and none is an entry of a table.
var errAnswers = errors.New("has what `ip route get` answers, and no table")

// errElsewhere: nothing in the file is about the host itself.
var errElsewhere = errors.New("tells of other network namespaces alone: --netns names one")

var errUnknown = errors.New("is none of the files that routewhy knows")

// physical reads one line of the file. With ip -o, such a line stands for several.
func (t *lines) physical(s string) error {
	if all := overwritten(s); all != nil {
		return t.takeAll(all)
	}
	s = clean(s)
	if t.json == nil {
		if ok, err := t.ansibleLine(s); ok {
			return err
		}
		s = t.bare(s)
	}
	if t.json != nil || beginsJSON(s) {
		t.release()
		return t.jsonLine(s)
	}
	if t.held != "" || isWrapped(s) {
		return t.wrapped(s)
	}
	if strings.Contains(s, " Genmask ") {
		if rows := flatColumns(s); rows != nil {
			return t.takeAll(rows)
		}
	}
	if strings.IndexByte(s, '\\') < 0 || !isRecord(s) {
		return t.take(s)
	}
	for part := range strings.SplitSeq(s, `\`) {
		if err := t.take(strings.TrimRight(part, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// take reads one line.
func (t *lines) take(s string) error {
	text := strings.TrimLeft(s, " \t")
	indent := len(s) - len(text)
	if err := tooLong(text); err != nil {
		t.settle()
		t.beginning(text[:maxHeading])
		return err
	}
	w := strings.Fields(text)
	if len(w) == 0 || isFence(w[0]) {
		t.blank = true
		if len(t.proc) == 0 {
			t.columns = nil
		}
		return nil
	}
	if cells := t.cells(text, w); cells == nil {
		return nil
	} else if len(cells) < len(w) {
		text, w = strings.Join(cells, " "), cells
	}
	device := (strings.Contains(text, "flags=") || strings.Contains(text, "encap:")) && ifconfigLine().MatchString(text)
	if t.ifconfig = device || t.ifconfig && indent > t.indent; t.ifconfig {
		return t.ifconfigLine(device, indent)
	}
	if t.isName(text, w) {
		return t.nameLine(text, w)
	}
	if len(t.pending) > maxWords {
		t.pending = nil
		return errors.New("a route with more next hops than one may have")
	}
	if t.pending != nil && t.continues(w) {
		if !t.wide {
			t.routeLine = t.line
		}
		return nil
	}
	t.settle()
	if t.columns != nil && !t.skipped() && !t.columnLike(text, w) && t.shortRow(w) {
		return errShortRow
	}
	if t.columns != nil && (ipv6Line().MatchString(text) || !t.columnLike(text, w)) {
		t.endColumns()
	}
	titles := t.titles
	t.titles = nil
	if t.blank && t.link != 0 && !t.isDeviceWord(w) {
		t.link, t.counts = 0, false // a paste with empty lines between all lines goes on
	}
	t.apart, t.wasApart, t.blank = t.blank, t.apart, false
	err := t.listed(text, indent, w)
	if len(titles) > 0 && t.columns == nil && (t.titles == nil || len(titles) > 1) {
		t.oddTitles(titles)
	} else if len(titles) > 0 && t.titles != nil {
		t.titles = append(titles, t.titles...)
	}
	return err
}

// tooLong is what is wrong with a line that no listing can have, because it or a word of
// it is too long.
func tooLong(s string) error {
	switch {
	case len(s) <= maxWord:
		return nil
	case len(s) > maxText:
		return fmt.Errorf("has more than %d KiB", maxText>>10)
	}
	for word := range strings.FieldsSeq(s) {
		if len(word) > maxWord {
			return errors.New("a word of it is longer than any name")
		}
	}
	return nil
}

// beginning takes the beginning of a line that is too long. If it is that of a route or a
// rule, these are kept as odd.
func (t *lines) beginning(s string) {
	w := strings.Fields(s)
	w = append(w[:len(w)-1], "...", "...") // the last word may be cut off, and the first of these be a value
	switch {
	case t.skipped() || t.context.answers:
	case ruleLine().MatchString(s):
		_ = t.oddRule(w)
	case beginsRoute(w):
		_ = t.takeRoute(w)
	}
}

var errLine = errors.New("not understood")

// end takes what is still pending at the end of the file.
func (t *lines) end() {
	t.release()
	t.settle()
	t.endColumns()
	t.endCommand()
	t.oddTitles(t.titles)
	if t.json != nil {
		t.l.fault(t.file, t.json.line, errors.New("JSON that ends in the middle"))
	}
}

func (t *lines) oddTitles(titles []int) {
	for _, line := range titles {
		t.l.fault(t.file, line, errLine)
	}
}

// listed finds out to which listing a line belongs.
func (t *lines) listed(s string, indent int, w []string) error {
	if bare := t.unnumbered(s, w); len(w) > 0 && bare[0] != w[0] {
		w, s = bare, strings.Join(bare, " ")
	}
	if t.asideGoesOn(s) || t.skipped() && t.passOver(s, indent, w) {
		t.command = 0
		return nil
	}
	switch {
	case t.columns == nil && isSetting(s): // such a listing has thousands
		t.spoke()
		return t.sysctl(s)
	case t.link != 0 && (indent > t.indent && !ruleLine().MatchString(s) && !linkLine().MatchString(s) || t.isDeviceWord(w)):
		t.command = 0
		return t.deviceLine(w)
	case t.columns == nil && beginsRoute(w) && !isNeighbour(w): // most lines are
		t.spoke()
		t.perhapsAgain(w)
		t.pending, t.at, t.routeLine, t.wide = withoutNote(w), t.line, t.line, false
		return nil
	case linkLine().MatchString(s):
		t.spoke()
		var err error
		t.indent, t.counts = indent, false
		t.link, err = t.parseLink(w)
		t.partLinks = t.partLinks || t.partial != ""
		t.known++
		return err
	case oneLine().MatchString(s):
		t.spoke()
		i, err := t.define(w[1], int(decimal(w[0])))
		if err != nil {
			return err
		}
		t.link, t.indent = i, indent
		t.known++
		return t.address(i, w[2:])
	case ruleLine().MatchString(s):
		t.spoke()
		t.pending, t.at, t.wide = withoutNote(w), t.line, true
		return nil
	}
	return t.other(s, w)
}

// other reads the lines of the listings that are recognised by their words.
func (t *lines) other(s string, w []string) error {
	switch {
	case t.header(s):
		t.spoke()
		return nil
	case t.columns != nil, t.foreignColumns(s, w):
		t.spoke()
		if t.skipped() {
			return nil
		}
		err := t.columnLine(w)
		if err == nil {
			t.known++
		}
		return err
	case ipv6Line().MatchString(s):
		t.spoke()
		t.known++
		return t.proc6(w)
	case w[0] == "id" && len(w) > 1 && w[1][0] >= '0' && w[1][0] <= '9':
		t.spoke()
		t.known++
		return t.parseNextHop(w)
	case isNeighbour(w):
		t.spoke()
		t.known++
		return t.parseNeighbour(w)
	}
	if len(s) > maxHeading {
		s = s[:maxHeading] // so that patterns take little time
	}
	if m := fileHeading().FindStringSubmatch(s); m != nil {
		return t.enter(fileContext(m[1]))
	}
	if sh, ok := shellIn(s); ok {
		t.shell = sh
		return t.enter(t.base)
	}
	if t.shell.place != "" && leavesShell(s) {
		t.shell = shell{}
		return t.enter(t.base)
	}
	if c, ok := commandIn(s); ok {
		t.inShell(&c, s)
		return t.enter(c)
	}
	if m := ansibleHeading().FindStringSubmatch(s); m != nil {
		c := t.base
		c.host = m[1]
		return t.enter(c)
	}
	switch {
	case cutShort().MatchString(s):
		t.cut()
		return errors.New("something was left out here")
	case decoration().MatchString(s):
		return nil
	case emptyTable().MatchString(s):
		return nil // the command before it has no output
	case unameLine().MatchString(s):
		t.spoke()
		t.known++
		t.uname(w)
		return nil
	case strings.Contains(s, "=") && sysctlLine().MatchString(s), settingLine().MatchString(s):
		t.spoke()
		return t.sysctl(s)
	case briefLine().MatchString(s):
		t.spoke()
		t.known++
		return t.brief(w)
	}
	if ok, err := t.groupLine(s, w); ok {
		t.known++
		t.spoke()
		return err
	}
	return t.unknownLine(s, w)
}

// unknownLine takes a line that belongs to no listing. It ends the context of the
// listing before. If the line looks like a part of that listing, it is kept as odd.
func (t *lines) unknownLine(s string, w []string) error {
	if isDeletion(w) {
		return t.enter(context{aside: changesListed})
	}
	if err := foreign(s, w); err != nil {
		return t.passForeign(err)
	}
	if looksLikeRule(s, w) {
		t.spoke()
		return t.oddRule(w)
	}
	if looksLikeRoute(w) {
		t.spoke()
		t.routeLine = t.line
		return t.oddRoute(w)
	}
	if looksMistyped(w) {
		t.spoke()
		t.pending, t.at, t.routeLine, t.wide = w, t.line, t.line, false
		return nil
	}
	if c, rest, ok := tableHeadingIn(s); ok {
		c.sure = true
		if err := t.enter(c); err != nil || rest == "" {
			return err
		}
		return t.take(rest)
	}
	if t.strangeRoute(s, w) {
		t.spoke()
		return errLine
	}
	if t.command != 0 {
		t.left, t.leftAt = t.context.netns, t.line
		t.silent = false
		t.command = 0
	}
	family := familyHeading(s)
	t.leave()
	t.family = family
	switch {
	case w[0][0] == '#', noise().MatchString(s), promptLine().MatchString(s), bullet().MatchString(s) && family != 0:
		return nil
	}
	t.titles, t.title = append(t.titles, t.line), s // unless a table of columns follows
	return nil
}
