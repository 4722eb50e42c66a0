package load

import (
	"regexp"
	"strings"
)

// What writes logs puts the same words before every line: the time, a host, the name of a
// container, a quote. Lists of a script have quotes and commas around each line.

// maxFrameHead is how much of a file is looked at to find out what every line has.
const maxFrameHead = 1 << 16

// frame is what every line of a file has before and after the line of a listing. The
// zero value is nothing.
type frame struct {
	before *regexp.Regexp // nil: nothing
	after  string         // one of lineEnds; empty: nothing
}

var (
	// surelyListed is the beginning of a line that only a listing has.
	surelyListed = lazily(`(?:(?:default|0\.0\.0\.0/0) (?:via [0-9a-f.:]+ +)?dev \S|(?:\d+\.){3}\d+(?:/\d+)? +(?:via [0-9a-f.:]+ +)?dev \S|[0-9a-f:]*::[0-9a-f:]*/\d+ (?:via \S+ )?dev \S|\d+: lo: <LOOPBACK|0:\s+from all lookup (?:local|255)|Kernel IP(?:v6)? routing table|Destination +Gateway +Genmask|Iface\s+Destination\s+Gateway|Route IPv[46] info\+|IPv[46] Route Table$|Destination +Gateway +Flags)`)
	// logged is how the words before a line end if a program put them there.
	logged = lazily(`(?:\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[\])]?|[|\]>)]|[\])\w.-]:|std(?:out|err) [FP]|\d[.)]|[-+*•·‣▪◦→]{1,2}|[✅✔☑]|bq\.|//|#+|["'` + "`" + `]|\.(?:txt|log|out):(?:\d+:)?)\s*$`)
	// bareName is a name and a colon, which may be that of a table and not that of a host.
	bareName = lazily(`^\s*[\w-]+(?:\.[\w-]+)*:\s*$`)
	// fileName is that of a file, which grep puts before a line, or the number of a line.
	fileName   = lazily(`^\s*(?:\S+\.(?:txt|log|out):(?:\d+:)?|[Ll]\d+:)\s*$`)
	numberMark = lazily(`^\s*\d+(?:[:.)]| *\|)\s*$`)
	// weakMark is what a list or a comment begins with: it counts if every line has it.
	weakMark = lazily(`^\s*(?:[-+*#•·‣▪◦→✅✔☑]+|//)\s*$`)
	// changing is what differs from line to line: times, numbers of lines and of processes.
	changing  = lazily(`\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(?:[.,]\d+)?|\[ *\d+(?:\.\d+)?\]|^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+|^\s*[Ll]?\d+(?:[:.)]| *\|)(?:\s|$)|:\d+:`)
	tableWord = lazily(`(?i)\b(?:table|vrf)\b|(?:^|\s)(?:main|local|default)\W*$`)
)

// lineEnds are what the lines of a list, or of `cat -A`, end with.
func lineEnds() []string { return []string{`\n`, "$", ";", ",", `\`, "**", "|"} }

// frameOf finds what the lines of a file have around them. A line that surely is one of a
// listing tells it. Most lines must agree, and no other line may be of a listing without it.
func frameOf(head string) frame {
	var all []string
	for s := range strings.SplitSeq(head, "\n") {
		if s = clean(s); strings.TrimSpace(s) != "" {
			all = append(all, s)
		}
	}
	if f := framedBy(all); f.before != nil {
		return f
	}
	for _, end := range lineEnds() {
		if len(all) > 1 && allEnd(all[:len(all)-1], end) {
			return frame{after: end}
		}
	}
	return frame{}
}

func allEnd(all []string, with string) bool {
	for _, s := range all {
		if !strings.HasSuffix(s, with) || s == with {
			return false
		}
	}
	return true
}

func framedBy(all []string) frame {
	for _, s := range all {
		at := surelyListed().FindStringIndex(s[:min(len(s), maxHeading)])
		if at == nil || strings.TrimSpace(s[:at[0]]) == "" {
			continue
		}
		before := strings.TrimRight(s[:at[0]], "+")
		if strings.HasSuffix(s[:at[0]], "+") && strings.TrimSpace(before) == "" {
			before = s[:at[0]]
		}
		if strings.HasPrefix(strings.TrimSpace(before), `{"`) {
			return frame{} // JSON
		}
		if !logged().MatchString(before) || bareName().MatchString(before) && !fileName().MatchString(before) || tableWord().MatchString(before) {
			return frame{}
		}
		f := frame{before: patternOf(before), after: quoteOf(before)}
		if !f.fits(all, weakMark().MatchString(before), numberMark().MatchString(before)) {
			return frame{}
		}
		return f
	}
	return frame{}
}

// patternOf matches what is before a line, with other times and numbers.
func patternOf(before string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	from := 0
	for _, m := range changing().FindAllStringIndex(before, -1) {
		b.WriteString(regexp.QuoteMeta(before[from:m[0]]))
		b.WriteString(changed(before[m[0]:m[1]]))
		from = m[1]
	}
	text := regexp.QuoteMeta(before[from:])
	bare := strings.TrimRight(text, " ")
	b.WriteString(bare + "(?:" + text[len(bare):] + "|$)")
	return regexp.MustCompile(b.String())
}

// changed matches a text with other digits, and with another month.
func changed(s string) string {
	s = months().ReplaceAllString(regexp.QuoteMeta(s), "[A-Z][a-z][a-z]")
	return digits().ReplaceAllString(s, ` *\d+`)
}

var (
	months = lazily(`^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`)
	digits = lazily(` *\d+`)
)

// fits reports whether most lines have what is before a line, and more than one. If the
// mark is weak, all must have it. If it is a number, it must change: it may be that of a table.
func (f frame) fits(all []string, weak, number bool) bool {
	with := map[string]bool{}
	n := 0
	for _, s := range all {
		m := f.before.FindString(s)
		if m != "" {
			n, with[m] = n+1, true
			continue
		}
		at := surelyListed().FindStringIndex(s[:min(len(s), maxHeading)])
		if weak || at != nil && strings.TrimSpace(s[:at[0]]) == "" {
			return false
		}
	}
	return n > 1 && n*2 > len(all) && (!number || len(with) > 1)
}

// quoteOf is the quote that ends a line, if one begins it.
func quoteOf(before string) string {
	before = strings.TrimSpace(before)
	if last := before[len(before)-1:]; strings.ContainsAny(last, "\"'`*") && before != "*" {
		return last
	}
	return ""
}

// inner is a line without what is around it.
func (f frame) inner(s string) string {
	if f.before == nil {
		return strings.TrimRight(strings.TrimSuffix(s, f.after), " \t")
	}
	m := f.before.FindString(s)
	if m == "" {
		return s
	}
	s = s[len(m):]
	if f.after == "" {
		return s
	}
	if i := strings.LastIndex(s, f.after); i >= 0 {
		s = s[:i] // a log may have more fields after the text
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, `\n`), `\t`, "\t")
}

// bare is a line without what every line has around it.
func (t *lines) bare(s string) string {
	if t.frame == (frame{}) {
		return unquoted(s)
	}
	return clean(t.frame.inner(s))
}
