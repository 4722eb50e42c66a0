package text

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"routewhy/lookup/expect"
	"routewhy/lookup/report"
)

// JUnit writes the results of expectations in the XML format that CI servers read,
// which comes from the program JUnit. Each host is a suite, and each expectation is a
// test in it.
type JUnit struct {
	w   io.Writer
	err error
	id  int
}

// JUnitSuite are the tests of one host. The zero value has no tests.
type JUnitSuite struct {
	cases                   bytes.Buffer
	tests, failures, errors int
	time                    string // the time of the host's facts
}

// NewJUnit starts a file.
func NewJUnit(w io.Writer) *JUnit {
	j := &JUnit{w: w}
	j.text(xml.Header + "<testsuites>\n")
	return j
}

// End ends the file. It returns the first error of all writes.
func (j *JUnit) End() error {
	j.text("</testsuites>\n")
	return j.err
}

func (j *JUnit) text(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

// Add adds the result of an expectation.
func (s *JUnitSuite) Add(x *report.Expected) {
	s.tests++
	if !x.Time.IsZero() {
		s.time = x.Time.UTC().Format("2006-01-02T15:04:05")
	}
	fmt.Fprintf(&s.cases, "    <testcase classname=\"%s\" name=\"%s\" time=\"0\"", escaped(HostLabel(x)), escaped(x.Expect))
	element := ""
	switch x.Result {
	case expect.OK:
		if a := ExpectedAssumed(x); a != "" {
			fmt.Fprintf(&s.cases, ">\n      <system-out>%s</system-out>\n    </testcase>\n", escaped(a))
			return
		}
		s.cases.WriteString("/>\n")
		return
	case expect.No:
		s.failures++
		element = "failure"
	default:
		s.errors++
		element = "error"
	}
	words := escaped(ExpectedWords(x))
	fmt.Fprintf(&s.cases, ">\n      <%s type=\"%s\" message=\"%s\"/>\n    </testcase>\n", element, escaped(string(x.Result)), words)
}

// Host writes the tests of a host.
func (j *JUnit) Host(label string, s *JUnitSuite) { j.suite(label, s) }

// Unread writes that a host could not be read, as a test that did not run.
func (j *JUnit) Unread(file, why string) {
	s := &JUnitSuite{tests: 1, errors: 1}
	fmt.Fprintf(&s.cases, "    <testcase classname=\"%s\" name=\"the host is read\" time=\"0\">\n      <error type=\"unread\" message=\"%s\"/>\n    </testcase>\n", escaped(file), escaped(why))
	j.suite(file, s)
}

func (j *JUnit) suite(label string, s *JUnitSuite) {
	at := ""
	if s.time != "" {
		at = fmt.Sprintf(" timestamp=\"%s\"", s.time)
	}
	j.text(fmt.Sprintf("  <testsuite package=\"routewhy\" id=\"%d\" name=\"%s\" hostname=\"%[2]s\"%s tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"0\" time=\"0\">\n",
		j.id, escaped(label), at, s.tests, s.failures, s.errors))
	j.id++
	if j.err == nil {
		_, j.err = s.cases.WriteTo(j.w)
	}
	j.text("  </testsuite>\n")
}

// escaped is text for use inside quotation marks in XML. Characters that XML cannot
// represent are replaced.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
