package text

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"routewhy/route/iproute2"
)

// Fleet writes the results of expectations on many hosts.
type Fleet struct {
	*page
	seen  map[string]bool // labels
	alike map[string]bool // names of files, without their folders, that several files have
}

// NewFleet makes a Fleet that writes to w about hosts from the given files.
func NewFleet(w io.Writer, st Style, files []string) *Fleet {
	f := &Fleet{&page{w: w, st: st}, map[string]bool{}, map[string]bool{}}
	for _, file := range files {
		_, again := f.alike[filepath.Base(file)]
		f.alike[filepath.Base(file)] = again
	}
	return f
}

// Label makes labels of hosts with the same name different, and also of several snapshots
// of one host. It adds their files.
func (f *Fleet) Label(label, file string) string {
	if (f.seen[label] || f.alike[filepath.Base(file)]) && file != "" && file != label {
		return label + " (" + file + ")"
	}
	f.seen[label] = true
	return label
}

// Host writes the lines of one host.
func (f *Fleet) Host(label string, lines []string) error {
	if f.st.Quiet {
		return nil
	}
	for _, l := range lines {
		f.line(iproute2.Safe(label) + "  " + l)
	}
	return f.err
}

// FleetSum is the result of all expectations on all hosts.
type FleetSum struct {
	File         string // the file of expectations
	Expectations int
	// Hosts is how many hosts were named. Good is how many of them have everything as
	// expected, and Unread is how many could not be read.
	Hosts, Good, Unread int
	// Lines are the expectations that are not met on every host.
	Lines []FleetLine
}

// FleetLine is one of the expectations.
type FleetLine struct {
	Line         int
	Expect       string
	Not, Unknown int // on how many hosts it is not met, and on how many nobody can tell
}

// Sum writes the result for all hosts.
func (f *Fleet) Sum(s *FleetSum) error {
	if s.Hosts > 1 && !f.st.Quiet {
		f.blank()
		for i := range s.Lines {
			f.line(s.byLine(&s.Lines[i]))
		}
	}
	tint := bold
	if s.Good < s.Hosts {
		tint = red
	}
	f.gap = false
	f.line(f.st.paint(tint, s.total()))
	return f.err
}

// byLine says on how many hosts one expectation is not met.
func (s *FleetSum) byLine(l *FleetLine) string {
	out := fmt.Sprintf("%s:%d  %s  ", iproute2.Safe(s.File), l.Line, iproute2.Safe(l.Expect))
	read := s.Hosts - s.Unread
	switch {
	case l.Unknown == 0:
		return out + fmt.Sprintf("not so on %s of %s hosts", number(l.Not), number(read))
	case l.Not == 0:
		return out + fmt.Sprintf("unknown on %s of %s hosts", number(l.Unknown), number(read))
	}
	return out + fmt.Sprintf("not so on %s of %s hosts, unknown on %s", number(l.Not), number(read), number(l.Unknown))
}

// total says how many hosts are as expected. If there is only one host, it says how many
// expectations are met.
func (s *FleetSum) total() string {
	if s.Hosts > 1 {
		verb := "are"
		if s.Good == 1 {
			verb = "is"
		}
		out := fmt.Sprintf("%s of %s hosts %s as expected", number(s.Good), number(s.Hosts), verb)
		if s.Unread > 0 {
			out += fmt.Sprintf("; %s could not be read", number(s.Unread))
		}
		return out
	}
	if s.Unread > 0 {
		return "the host could not be read"
	}
	return fmt.Sprintf("%s of %s expectations hold", number(s.Expectations-len(s.Lines)), number(s.Expectations))
}

// number is a number with commas.
func number(n int) string { return commas(strconv.Itoa(n)) }
