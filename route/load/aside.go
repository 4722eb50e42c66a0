package load

import "errors"

// changesListed is what `ip monitor` prints. Its lines look like those of a table, but some
// are of routes that are no longer there.
const changesListed = "what `ip monitor` prints, which is no table"

// isDeletion reports whether a line of `ip monitor` tells that something was deleted.
func isDeletion(w []string) bool {
	return w[0] == "Deleted" && len(w) > 2
}

// asideGoesOn reports whether a line is still of what a command printed that is no table. A
// command or a prompt ends it, and an empty line if no command began it.
func (t *lines) asideGoesOn(s string) bool {
	if t.context.aside == "" {
		return false
	}
	s = s[:min(len(s), maxHeading)]
	_, command := commandIn(s)
	_, shell := shellIn(s)
	switch {
	case command || shell || fileHeading().MatchString(s) || ansibleHeading().MatchString(s):
		return false
	case t.context.sure && !promptLine().MatchString(s) || !t.context.sure && !t.apart:
		t.command = 0
		return true
	}
	t.leave()
	return false
}

// errIfconfig: ifconfig shows only one IPv4 address of each device, without its scope,
// and has its own order.
var errIfconfig = errors.New("has what ifconfig prints, which leaves addresses out and is not read: `ip address` has all of them")

// ifconfigLine skips what ifconfig prints, and reports that once.
func (t *lines) ifconfigLine(device bool, indent int) error {
	t.settle()
	t.endColumns()
	t.spoke()
	if !device {
		return nil
	}
	t.indent = indent
	if t.configs++; t.configs > 1 {
		return nil
	}
	return errors.New("what ifconfig prints leaves addresses out and is not read: `ip address` has all of them")
}
