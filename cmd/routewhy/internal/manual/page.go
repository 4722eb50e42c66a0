package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// Input is everything that the manual is made from.
type Input struct {
	// Usage is the text of --help.
	Usage string
	// Findings and Checks are lists of terms and what they mean.
	Findings, Checks []Term
}

// Example is a command that was run, and what it printed.
type Example struct{ About, Command, Output string }

// Term is a word and what it means.
type Term struct{ Word, Meaning string }

// Group is a list of terms that belong together.
type Group struct {
	Title string
	Terms []Term
}

// subsection is before the paragraphs of --help about arguments and modes.
const subsection = ".Ss Arguments and modes"

// Page is the manual in the format mdoc(7).
func Page(in *Input) string {
	p := &writer{}
	p.raw(".Dd November 26, 2026", ".Dt ROUTEWHY 8", ".Os", ".Sh NAME", ".Nm routewhy", ".Nd why a packet goes where it goes")
	blocks := paragraphs(in.Usage)
	forms := blocks[0].lines[1:]
	p.raw(".Sh SYNOPSIS")
	for _, f := range usages(forms) {
		p.raw(".Nm", escape(f.Word))
	}
	p.raw(".Sh DESCRIPTION", ".Nm")
	p.text("explains the routing decision of Linux: which rule decided, which route won, what each other one lost by, which source the packet gets, and whether the kernel says the same. It changes nothing.")
	p.raw(".Bl -tag -width Ds")
	for _, f := range usages(forms) {
		p.raw(".It Nm routewhy " + escape(f.Word) + `\&`)
		p.text(f.Meaning)
	}
	p.raw(".El")
	p.raw(strings.Split(strings.TrimSpace(begin), "\n")...)
	p.raw(subsection)
	for _, b := range blocks[1:] {
		if b.lines[0] == "Exit status:" {
			p.raw(strings.Split(strings.TrimSpace(reading), "\n")...)
		}
		p.block(&b)
	}
	p.raw(strings.Split(strings.TrimSpace(examples), "\n")...)
	p.raw(".Sh FINDINGS")
	p.text("Notes of an answer have these codes in JSON. CODES says what want and have are.")
	p.list(in.Findings)
	p.raw(".Sh CHECKS")
	p.text("What --check looks for.")
	p.list(in.Checks)
	p.raw(".Sh CODES")
	p.raw(strings.Split(strings.TrimSpace(operands), "\n")...)
	p.raw(strings.Split(strings.TrimSpace(codes), "\n")...)
	p.raw(".Sh SEE ALSO", ".Xr ip-route 8 ,", ".Xr ip-rule 8 ,", ".Xr ss 8")
	return p.b.String()
}

// Codes are lists of codes, for codes.mdoc.
func Codes(groups []Group) string {
	p := &writer{}
	for _, g := range groups {
		p.raw(".Ss " + escape(g.Title))
		p.list(g.Terms)
	}
	return p.b.String()
}

// Examples are commands and what they printed, for examples.mdoc.
func Examples(all []Example) string {
	p := &writer{}
	for i, e := range all {
		if i > 0 {
			p.raw(".Pp")
		}
		p.text(e.About)
		p.screen(append([]string{"$ " + e.Command}, strings.Split(strings.TrimSpace(e.Output), "\n")...))
	}
	return p.b.String()
}

// block is a paragraph of --help.
type block struct {
	lines []string
}

// paragraphs are the parts of a text between blank lines.
func paragraphs(text string) []block {
	var out []block
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		out = append(out, block{strings.Split(part, "\n")})
	}
	return out
}

// The patterns are compiled where they are used, because a program compiles its variables at
// every start.

func formLine() *regexp.Regexp { return regexp.MustCompile(`^  routewhy (.*?)(?:   +(.*))?$`) }

// meaningAt is the column where --help says what a form does.
const meaningAt = 36

// usages are the forms of the command line, each with what it does.
func usages(lines []string) []Term {
	var out []Term
	form := formLine()
	for _, l := range lines {
		if len(l) > meaningAt && l[meaningAt-1] == ' ' && strings.HasPrefix(l, "  routewhy ") {
			l = l[:meaningAt] + "  " + l[meaningAt:]
		}
		if m := form.FindStringSubmatch(l); m != nil {
			out = append(out, Term{m[1], m[2]})
		} else if n := len(out); n > 0 {
			out[n-1].Meaning = strings.TrimSpace(out[n-1].Meaning + " " + strings.TrimSpace(l))
		}
	}
	return out
}

func optionLine() *regexp.Regexp {
	return regexp.MustCompile(`^ {2,6}((?:-|routewhy )[^ ].*?)(?:  +(\S.*))?$`)
}

func statusLine() *regexp.Regexp { return regexp.MustCompile(`^  ([0-9])  (.*)$`) }

// block writes a paragraph of --help. A paragraph that ends with a colon, with options
// after it, is a section.
func (p *writer) block(b *block) {
	first := b.lines[0]
	switch {
	case first == "Exit status:":
		p.raw(".Sh EXIT STATUS", ".Bl -tag -width Ds")
		p.entries(b.lines[1:], statusLine(), "")
		p.raw(".El")
	case first == "Example:":
		p.raw(".Sh EXAMPLES")
		p.literal(b.lines[1:])
	case len(b.lines) > 1 && strings.HasSuffix(first, ":") && optionLine().MatchString(b.lines[1]):
		p.raw(".Ss " + escape(strings.TrimSuffix(first, ":")))
		p.options(b.lines[1:])
	default:
		p.prose(b.lines)
	}
}

// prose writes sentences, and also the options and indented lines between them.
func (p *writer) prose(lines []string) {
	if !strings.HasSuffix(p.b.String(), subsection+"\n") {
		p.raw(".Pp")
	}
	for len(lines) > 0 {
		n := 0
		indented := strings.HasPrefix(lines[0], " ")
		for n < len(lines) && strings.HasPrefix(lines[n], " ") == indented {
			n++
		}
		part := lines[:n]
		lines = lines[n:]
		switch {
		case !indented:
			p.text(strings.Join(part, " "))
		case optionLine().MatchString(part[0]):
			p.options(part)
		default:
			p.literal(part)
		}
	}
}

// options writes a list of flags.
func (p *writer) options(lines []string) {
	p.raw(".Bl -tag -width Ds")
	p.entries(lines, optionLine(), "Fl ")
	p.raw(".El")
}

// entries writes the lines that match as terms. The text after each term is its
// meaning.
func (p *writer) entries(lines []string, term *regexp.Regexp, macro string) {
	text := ""
	flush := func() {
		p.text(text)
		text = ""
	}
	for _, l := range lines {
		m := term.FindStringSubmatch(l)
		if m == nil {
			text += " " + strings.TrimSpace(l)
			continue
		}
		flush()
		if macro == "" {
			p.raw(".It " + escape(m[1]))
		} else {
			p.raw(".It " + flags(m[1]))
		}
		text = m[2]
	}
	flush()
}

// flags writes a line like "-4, --ipv4" or "--load FILE|DIR" in macros.
func flags(s string) string {
	if !strings.HasPrefix(s, "-") {
		return "Li " + escape(s)
	}
	var out []string
	for i, one := range strings.Split(s, ", ") {
		name, arg, _ := strings.Cut(one, " ")
		if i > 0 {
			out = append(out, ",")
		}
		out = append(out, "Fl "+escape(name[1:]))
		if arg != "" {
			out = append(out, "Ar "+escape(strings.ReplaceAll(arg, " ", "\\ ")))
		}
	}
	return strings.ReplaceAll(strings.Join(out, " "), "\\e ", "\\ ")
}

func (p *writer) literal(lines []string) {
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	p.screen(lines)
	p.raw(".Pp")
}

// screen writes lines unchanged.
func (p *writer) screen(lines []string) {
	p.raw(".Bd -literal")
	for _, l := range lines {
		p.raw(escape(l))
	}
	p.raw(".Ed")
}

// writer writes mdoc.
type writer struct{ b strings.Builder }

func (p *writer) raw(lines ...string) {
	for _, l := range lines {
		fmt.Fprintln(&p.b, l)
	}
}

// list writes terms and what they mean.
func (p *writer) list(terms []Term) {
	p.raw(".Bl -tag -width Ds")
	for _, t := range terms {
		p.raw(".It Li " + escape(t.Word))
		p.text(t.Meaning)
	}
	p.raw(".El")
}

// sentenceEnd matches the end of a sentence. The next sentence begins on a new line.
func sentenceEnd() *regexp.Regexp { return regexp.MustCompile(`([.!?:][)"]?) +`) }

// text writes sentences in short lines.
func (p *writer) text(s string) {
	s = strings.Join(strings.Fields(s), " ")
	for sentence := range strings.SplitSeq(sentenceEnd().ReplaceAllString(s, "$1\n"), "\n") {
		line := ""
		for _, w := range strings.Fields(sentence) {
			if line != "" && len(line)+1+len(w) > 76 {
				p.raw(escape(line))
				line = ""
			}
			line = strings.TrimSpace(line + " " + w)
		}
		if line != "" {
			p.raw(escape(line))
		}
	}
}

// escape protects characters that mdoc would treat as commands.
func escape(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	var out strings.Builder
	for _, r := range s {
		if r > 0x7e {
			fmt.Fprintf(&out, `\[u%04X]`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
