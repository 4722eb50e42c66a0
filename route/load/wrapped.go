package load

import (
	"strings"

	"routewhy/route"
)

// Mail programs wrap the lines of route(8) and netstat(8), which are nearly 80 characters wide,
// before their last column, the device.

// wrappedRow matches the headings and the rows of such a table without their last column.
var wrappedRow = lazily(`^ *(?:Destination +Gateway +Genmask +Flags +\S+ +\S+ +(?:irtt|Use)|\S+ +\S+ +(?:255|254|252|248|240|224|192|128|0)\.(?:\d+\.){2}\d+ +[UHGRDMACI!]+ +-?\d+ +-?\d+ +-?\d+)$`)

// isWrapped reports whether a line may go on in the next one. It is quick.
func isWrapped(s string) bool {
	return (strings.Contains(s, " U") || strings.Contains(s, " !") || strings.Contains(s, "Genmask")) && wrappedRow().MatchString(s)
}

// wrapped takes a line that may go on in the next one, or the line after it.
func (t *lines) wrapped(s string) error {
	held := t.held
	if held == "" {
		t.held, t.heldAt = s, t.line
		return nil
	}
	if w := strings.Fields(s); len(w) == 1 && plainDevice().MatchString(w[0]) {
		t.held = ""
		return t.take(held + " " + w[0])
	}
	t.release()
	return t.physical(s)
}

// plainDevice matches what may be the name of a device, or the heading of the column.
var plainDevice = lazily(`^[A-Za-z][\w.@:-]{0,14}$`)

// release takes a line that did not go on.
func (t *lines) release() {
	held := t.held
	if t.held = ""; held == "" {
		return
	}
	now := t.line
	t.line = t.heldAt
	w := strings.Fields(held)
	headings := w[0] == "Destination"
	if t.columns == nil && !headings && !t.skipped() {
		t.settle()
		t.columns, t.columnsOf = columnNames(make([]string, 8)), route.IPv4
	}
	if err := t.take(held); err != nil {
		t.l.fault(t.file, t.line, err)
	}
	t.line = now
}
