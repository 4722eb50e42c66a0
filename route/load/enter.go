package load

import (
	"cmp"
	"fmt"

	"routewhy/route"
)

// This file finds where the output of one command ends and the next begins.

// spoke notes that a command had output.
func (t *lines) spoke() {
	t.command = 0
	if t.columns == nil {
		t.link = 0
	}
}

// enter begins the output of a command.
func (t *lines) enter(c context) error {
	t.endCommand()
	t.endColumns()
	t.link, t.maddrDev, t.counts = 0, 0, false
	t.l.inPlace(&c)
	t.context = c
	switch {
	case c.netns == "":
	case c.netns == t.l.netns:
		t.l.picked = true
	default:
		t.l.passes(c.netns)
		t.elsewhere = true
	}
	err := t.setTable(&t.context)
	t.begin(t.file, t.line, c.partial)
	if c.sure && c.kind != kindOther {
		t.command = t.line
	}
	if t.passed = cmp.Or(c.aside, t.passed); c.aside != "" {
		return fmt.Errorf("passed over: %s", c.aside)
	}
	return err
}

// maxTitles is how many lines may be between a command and a table of columns.
const maxTitles = 3

// leave ends the context of a listing.
func (t *lines) leave() {
	t.endColumns()
	t.link, t.maddrDev, t.counts = 0, 0, false
	t.context = t.base
	t.begin(t.file, t.line, t.base.partial)
	t.listings[t.listing].weak = true
}

// columnLike reports whether a line may belong to the table of columns above it.
func (t *lines) columnLike(s string, w []string) bool {
	if t.blank && t.columns[0] == "Iface" && (len(w) < 2 || len(w[1]) != 8) {
		return false
	}
	_, isCommand := commandIn(s)
	return !isCommand && !ruleLine().MatchString(s) && !linkLine().MatchString(s) && (len(w) >= 5 || t.columns[0] == "Interface")
}

func (t *lines) endColumns() {
	if len(t.proc) > 0 {
		t.takeProc()
	}
	t.columns = nil
}

// backIn is for a table of columns below headings that were not understood: it is of the
// command right above them.
func (t *lines) backIn() {
	if t.left != "" && t.line-t.leftAt <= maxTitles {
		t.context.netns = t.left
	}
}

// endCommand notes what it means if a command had no output: what it lists is empty.
func (t *lines) endCommand() {
	if t.command == 0 {
		return
	}
	t.command = 0
	t.nothingListed(&t.context)
}

// nothingListed notes that a listing is empty.
func (f *facts) nothingListed(c *context) bool {
	fam := c.family
	if fam == 0 {
		fam = route.IPv4
	}
	switch {
	case c.unknown || c.netns != "":
		return false
	case c.kind == kindRoutes && !c.anyTable && !c.answers:
		k := familyTable{fam, c.table}
		if k.table == 0 {
			k.table = route.TableMain
		}
		f.tableSeen(k)
		if c.all && c.partial == "" {
			f.complete[fam] = true
		}
	case c.kind == kindNeighbours:
		f.found(route.FactNeighbours, 0)
	case c.kind == kindNextHops:
		f.found(route.FactNextHops, 0)
	default:
		return false
	}
	return true
}

// cut notes that somebody left something out of a listing.
func (t *lines) cut() {
	l := &t.listings[t.listing]
	if l.partial == "" {
		l.partial, t.partial = "what was not cut off", "what was not cut off"
	}
}
