package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"routewhy/lookup/check"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Check writes what the checks found.
func Check(w io.Writer, c *report.Check, st Style) error {
	p := &page{w: w, st: st}
	if !st.Quiet {
		for i := range c.Findings {
			p.checkFinding(&c.Findings[i])
		}
	}
	p.line(checkSummary(c))
	if !st.Quiet {
		p.unmade(c)
	}
	if c.Changing {
		p.line(changingWords)
	}
	return p.err
}

func (p *page) checkFinding(f *report.CheckFinding) {
	if f.Severity == check.Unknown {
		return
	}
	p.block(pad(string(f.Severity), len("warning"))+"  "+f.ID+"  ", checkText(f), severityInk(f.Severity))
	if p.st.Verbose {
		p.evidence(f)
	}
	label := "to mend it: "
	for _, c := range f.Fix {
		p.command(strings.Repeat(" ", checkIndent) + label + c)
		label = strings.Repeat(" ", len(label))
	}
}

// checkIndent is the column of the sentences.
const checkIndent = len("warning  RW001  ")

// evidence lists the rules and routes of a finding.
func (p *page) evidence(f *report.CheckFinding) {
	indent := strings.Repeat(" ", checkIndent)
	for i := range f.Evidence.Rules {
		r := &f.Evidence.Rules[i]
		p.block(indent, fmt.Sprintf("rule %d (%s)", r.Priority, ruleName(r)), dim)
	}
	for i := range f.Evidence.Routes {
		r := &f.Evidence.Routes[i]
		p.block(indent, fmt.Sprintf("%s (%s)", routeLine(r), tableWords(r.Table)), dim)
	}
}

func severityInk(s check.Severity) ink {
	switch s {
	case check.Error:
		return red
	case check.Warning:
		return yellow
	}
	return plain
}

// checkSummary is the last line: how many problems were found, and how many checks
// found nothing.
func checkSummary(c *report.Check) string {
	found, notes := 0, 0
	var with, unknown []string
	first := ""
	for i := range c.Findings {
		f := &c.Findings[i]
		switch f.Severity {
		case check.Unknown:
			unknown = append(unknown, f.ID)
			continue
		case check.Notice:
			notes++
		default:
			found++
		}
		with = append(with, f.ID)
		first = cmp.Or(first, f.ID)
	}
	slices.Sort(with)
	quiet := c.Checks - len(slices.Compact(with)) - len(unknown)
	switch {
	case first == "" && len(unknown) == 0:
		return fmt.Sprintf("nothing is wrong as far as %s can tell", count(c.Checks, "check"))
	case first == "" && quiet == 0:
		return "nothing is known: " + agree(c.Checks, "check needs", "checks need") + " what was not read"
	case first == "":
		return fmt.Sprintf("%s %s nothing; %s", count(quiet, "check"), agreeWord(quiet, "finds", "find"), unmadeWords(len(unknown)))
	}
	line := count(found, "finding")
	if found == 0 {
		line = count(notes, "note")
	} else if notes > 0 {
		line += ", " + count(notes, "note")
	}
	if quiet > 0 {
		line += "; " + agree(quiet, "check finds", "checks find") + " nothing"
	}
	if len(unknown) > 0 {
		line += "; " + unmadeWords(len(unknown))
	}
	return line + "; routewhy --explain " + first
}

func agreeWord(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

func unmadeWords(n int) string { return agree(n, "check", "checks") + " could not be made" }

// unmade says which facts were not read although checks need them, or lists those
// checks.
func (p *page) unmade(c *report.Check) {
	lacks := map[string][]string{}
	var order []string
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Severity != check.Unknown {
			continue
		}
		if p.st.Verbose {
			p.block("unknown  "+f.ID+"  ", f.Title+": not known are the "+name(f.Reason.Have), plain)
			continue
		}
		for fact := range strings.SplitSeq(f.Reason.Have.String(), ", ") {
			if lacks[fact] == nil {
				order = append(order, fact)
			}
			lacks[fact] = append(lacks[fact], f.ID)
		}
	}
	if len(order) > 0 {
		p.block("not known: ", iproute2.Safe(strings.Join(order, ", "))+" (-v lists the checks)", plain)
	}
}

// CheckJSON writes the findings as a JSON array.
func CheckJSON(w io.Writer, c *report.Check) error {
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(c.Findings)
}

// AnnotateCheck adds to each finding its text as a sentence.
func AnnotateCheck(c *report.Check) {
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Severity != check.Unknown {
			f.Text = checkText(f)
		}
	}
}

// ListChecks writes the catalogue, one line for each check.
func ListChecks(w io.Writer, all []report.CheckEntry, st Style) error {
	p := &page{w: w, st: st}
	for i := range all {
		c := &all[i]
		p.block(c.ID+"  "+pad(string(c.Severity), len("warning"))+"  "+pad(string(c.Scope), len("default"))+"  ", c.Title, plain)
	}
	return p.err
}

// ExplainChecks writes what checks are about.
func ExplainChecks(w io.Writer, all []report.CheckEntry, st Style) error {
	p := &page{w: w, st: st}
	for i := range all {
		c := &all[i]
		title := c.ID + "  " + c.Title
		if c.Severity != "" {
			title += " (" + string(c.Severity) + ")"
		}
		p.line(p.st.paint(bold, title))
		for _, line := range wrap(c.Explanation, st.width()) {
			p.line(line)
		}
	}
	return p.err
}

// CheckEntriesJSON writes the catalogue as a JSON array.
func CheckEntriesJSON(w io.Writer, all []report.CheckEntry) error {
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
