package load

import (
	"errors"
	"slices"
	"strings"
)

// Tables of columns may have bars between the columns: in Markdown, and where cloud-init
// writes the network to the console of a machine.

// cells are the words of a line without the bars of a table of routes. It is nil if the line
// only draws the table.
func (t *lines) cells(text string, w []string) []string {
	bars := slices.Contains(w, "|")
	switch {
	case t.boxed && (decoration().MatchString(text) || alignment().MatchString(text)):
		return nil
	case !bars:
		t.boxed = false
		return w
	}
	bare := slices.DeleteFunc(slices.Clone(w), func(s string) bool { return s == "|" })
	if len(bare) > 3 && (slices.Contains(bare, "Genmask") || bare[0] == "Route" && bare[1] == "Destination" || bare[0] == "Device" && bare[1] == "Up") {
		t.endColumns()
		t.boxed = true
	}
	if t.boxed {
		return bare
	}
	return w
}

// alignment is the line below the headings of a table of Markdown.
var alignment = lazily(`^[-:| ]+$`)

// boxHeader recognises the headings of the tables that cloud-init writes. Its IPv4 table is
// like that of netstat -rn. The others leave out what decides.
func (t *lines) boxHeader(w []string) bool {
	if !t.boxed || w[0] != "Route" && w[0] != "Device" {
		return false
	}
	t.columns = slices.Clone(w)
	if i := slices.Index(w, "Interface"); i >= 0 {
		t.columns[i] = "Iface"
	}
	if slices.Contains(w, "Genmask") {
		t.columnsBegin(false)
	} else {
		t.l.fault(t.file, t.line, errors.New("cloud-init's tables of IPv6 routes and of devices leave out what decides, and are not read"))
	}
	return true
}

// unreadBox reports whether the lines below a heading are not read.
func (t *lines) unreadBox() bool {
	return strings.HasPrefix(t.columns[0], "Device") || t.columns[0] == "Route" && !slices.Contains(t.columns, "Genmask")
}
