package load

import (
	"errors"
	"fmt"
	"html"
	"strings"

	"routewhy/route/iproute2"
)

// People paste listings from terminals, mails and tickets. What these add to a line
// is removed here, and listings of other systems are recognised.

var (
	// escapes are what terminals obey: colours, titles, modes.
	escapes = lazily("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[()][A-Z0-9]|\x1b[=>78DEHMc]|\\^\\[\\[[0-9;]*m")
	quoted  = lazily(`^(?:> ?)+`)
	bullet  = lazily(`^\s*[-*•] +`)
	tags    = lazily(`</?(?:h[1-6]|pre|code|b|p|br|li|ul|div|span|td|tr|strong|em|tt|nowiki|samp|kbd|blockquote)(?: ?/)?>|</?span(?: [^<>]*)?>`)
	// tableCells have nothing but tags between them.
	tableCells = lazily(`</?t[dh]/?>`)
	entity     = lazily(`&(?:lt|gt|amp|nbsp|quot|#\d+);`)
	// escaped is a sign that would mean something else without the backslash.
	escaped = lazily("\\\\\\\\|\\\\([_*/<>\\[\\](){}#+.!~|-])")
	// numbered is a line's number, as cat -n, nl and editors put it before the line.
	numbered = lazily(`^\s*(\d+)(?:\t|: +|\s+)`)
)

// clean is a line without what a terminal, a mail or a ticket adds to it.
func clean(s string) string {
	s = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(plainCharacters(s), " \t\r"), "^M"), " \t")
	if strings.ContainsAny(s, "\x1b\b\r^") {
		s = escapes().ReplaceAllString(s, "")
		s = backspaced(s[strings.LastIndexByte(s, '\r')+1:])
	}
	if strings.HasPrefix(s, ">") {
		s = quoted().ReplaceAllString(s, "")
	}
	if strings.IndexByte(s, '<') >= 0 {
		s = tableCells().ReplaceAllString(s, " ")
		s = tags().ReplaceAllString(s, "")
	}
	if strings.IndexByte(s, '&') >= 0 && entity().MatchString(s) {
		s = plainCharacters(html.UnescapeString(s))
	}
	s = withoutMarks(s)
	if strings.IndexByte(s, '\\') >= 0 { // in Markdown, and in JSON before a slash
		s = escaped().ReplaceAllStringFunc(s, func(m string) string {
			if m == `\\` {
				return m // not of the sign after it
			}
			return m[1:]
		})
	}
	if strings.Count(s, "`") == 1 { // a span of code goes over several lines
		s = strings.TrimPrefix(strings.TrimSuffix(s, "`"), "`")
	}
	if text := strings.TrimLeft(s, " "); strings.HasPrefix(text, "**") || strings.HasSuffix(text, "**") { // bold, over several lines
		s = s[:len(s)-len(text)] + strings.TrimSuffix(strings.TrimPrefix(text, "**"), "**")
	}
	if inner, ok := strings.CutPrefix(strings.TrimLeft(s, " "), "│"); ok { // a pane of tmux, a box
		s = strings.TrimSuffix(strings.TrimRight(inner, " "), "│")
		s = strings.TrimPrefix(s, " ")
	} else if len(s) > 2 && s[0] == '|' && s[len(s)-1] == '|' && (s[1] == ' ' && s[len(s)-2] == ' ' || strings.Count(s, "|") == 2) { // a cell of a table
		s = strings.Trim(s[1:len(s)-1], " ")
	}
	return strings.TrimRight(s, " \t\r")
}

// withoutNote removes what somebody wrote after a route or a rule: "# the tunnel", "<-- this
// one". Nothing that ip(8) prints begins like it.
func withoutNote(w []string) []string {
	for i := 2; i < len(w); i++ {
		switch w[i][0] {
		case '#', '/', '<', '(', "←"[0]:
			if isNote(w[i:]) && !iproute2.WantsMore(w[i-1]) {
				return w[:i]
			}
		}
	}
	return w
}

func isNote(w []string) bool {
	for _, mark := range []string{"#", "//", "<-", "<=", "←"} {
		if strings.HasPrefix(w[0], mark) {
			return true
		}
	}
	return w[0][0] == '(' && strings.HasSuffix(w[len(w)-1], ")")
}

// backspaced removes what was typed and then deleted.
func backspaced(s string) string {
	if strings.IndexByte(s, '\b') < 0 {
		return s
	}
	var out []rune
	for _, r := range s {
		switch {
		case r != '\b':
			out = append(out, r)
		case len(out) > 0:
			out = out[:len(out)-1]
		}
	}
	return string(out)
}

// isFence reports whether a word begins or ends a block of code (Markdown).
func isFence(w string) bool {
	return strings.HasPrefix(w, "```") || w == "~~~"
}

// Lines that only listings of other systems have, in any language.
var (
	windowsLine = lazily(`^\d+\.\.\.(?:[0-9a-f]{2} ){6}\.*|^(?:\d+\.){3}\d+ +(?:\d+\.){3}\d+ +(?:(?:\d+\.){3}\d+|\D{2,}?) +(?:\d+\.){3}\d+ +\d+$|^ifIndex +DestinationPrefix|^(?:IPv4|IPv6|Active|Persistent|Interface)[ -](?:Route Table|Routes:|List)$|^ *\d+ +\d+ +[0-9a-f:]+/\d+ +(?:On-link|[A-Z]\S+(?: \S+)?|[0-9a-f:]+)$`)
	bsdHeader   = lazily(`^Destination +Gateway +Flags\b.*\b(?:Netif|Expire|Prio|Interface|If)\b|^Routing [Tt]ables?$|^Routing Table: IPv[46]$|^Internet6?:$`)
	bsdLine     = lazily(`^(?:default|\d[0-9.]*(?:/\d+)?) +(?:link#\d+|(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}|(?:\d+\.){3}\d+) +U[A-Za-z0-9]* +|^\S+ +[0-9a-f:]+%\w+ +U[A-Za-z0-9]* +`)
	fibTrieLine = lazily(`^\+-- \S+/\d+ \d+ \d+ \d+|^\|-- [0-9.]+$`)
	junosLine   = lazily(`^[\w.-]*inet6?\.\d+: \d+ destinations|^(?:\d+\.){3}\d+/\d+ +[*+-]?\[[A-Z][\w-]*/\d+\]|^> (?:to \S+ )?via \S+$`)
	birdLine    = lazily(`^BIRD \d\S* ready\.$|^[0-9a-f.:]+/\d+ +(?:unicast |blackhole |unreachable |prohibit )?\[\w+ [^\]]+\] [*!]? ?\(|^via \S+ on \S+(?: weight \d+)?$`)
	frrLine     = lazily(`^[KCSLROBDE][>* ]{0,3}\*? +[0-9a-f.:]+/\d+ .*(?:directly connected|\[\d+/\d+\])`)
)

// foreign recognises a listing that is not of a Linux set-up, or does not tell enough
// about it, by a line that no other listing has; w are the words of the line. Each
// pattern takes microseconds. To avoid that, the start of the line is checked first,
// which rules out most lines.
func foreign(s string, w []string) error {
	begins := func(with string) bool { return strings.IndexByte(with, s[0]) >= 0 }
	switch {
	case begins("DRI") && bsdHeader().MatchString(s), len(w) > 2 && w[2][0] == 'U' && bsdLine().MatchString(s):
		return errors.New("a listing of BSD, macOS, Solaris or AIX: routewhy knows how Linux decides")
	case begins(" 0123456789iIAP") && windowsLine().MatchString(s):
		return errors.New("a listing of Windows: routewhy knows how Linux decides")
	case begins("+|") && fibTrieLine().MatchString(s):
		return errors.New("/proc/net/fib_trie, which tells no gateway and no device: /proc/net/route does")
	case strings.IndexByte(s, '[') >= 0 && junosLine().MatchString(s), begins(">i") && junosLine().MatchString(s):
		return errors.New("a listing of Junos: routewhy knows how Linux decides")
	case begins("KCSLROBDE") && frrLine().MatchString(s), strings.IndexByte(s, '[') > 0 && birdLine().MatchString(s), begins("Bv") && birdLine().MatchString(s):
		return errors.New("what a routing daemon knows, not all of which is in the kernel: `ip route show table all` has that")
	}
	return nil
}

// passForeign passes over a line of another system's listing, and reports the first one. If
// nothing else is in the file, that is what the file is.
func (t *lines) passForeign(what error) error {
	t.spoke()
	t.leave()
	if t.foreign != nil {
		return nil
	}
	t.foreign = what
	return fmt.Errorf("passed over: %w", what)
}
