package command

import (
	"regexp"
	"strings"
)

// Line is a command of a script, with its place.
type Line struct {
	Text string
	// Number is the line where the command begins, from 1.
	Number int
	// And says that the command is carried out only if the one before it succeeded.
	And bool
}

// Lines splits a script into its commands. Empty lines and comments are left out. A
// line that ends with a backslash continues in the next line.
func Lines(script string) []Line {
	l := &liner{text: script, number: 1}
	if first, _, _ := strings.Cut(script, "\n"); errexits.MatchString(first) {
		l.out = append(l.out, Line{Text: "set -e", Number: 1})
	}
	for l.at < len(script) {
		l.step()
	}
	l.end(false)
	return l.out
}

// errexits is the first line of a script that its shell ends at the first command that
// fails.
var errexits = regexp.MustCompile(`^#! *\S*sh +(-\S+ +)*-[a-z]*e`)

type liner struct {
	text  string
	at    int
	start int
	// number is the number of the line that is being read, and first that of the
	// command's first line.
	number, first int
	and           bool
	out           []Line
}

// end ends a command.
func (l *liner) end(and bool) {
	text := strings.TrimSpace(l.text[l.start:l.at])
	if text != "" && !isComment(text) {
		if l.first == 0 {
			l.first = l.number
		}
		l.out = append(l.out, Line{text, l.first, l.and})
	}
	l.first, l.and = 0, and
}

// isComment reports whether a line is a comment. The prompt of root that wg-quick
// prints, "[#]", is not a comment.
func isComment(text string) bool { return strings.HasPrefix(text, "#") }

// step reads a character, or several if they belong together.
func (l *liner) step() {
	c := l.text[l.at]
	if l.first == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n' {
		l.first = l.number
	}
	switch {
	case c == '\\':
		if l.at+1 < len(l.text) && l.text[l.at+1] == '\n' {
			l.number++
		}
		l.at += 2
		l.at = min(l.at, len(l.text))
	case c == '\'' || c == '"':
		l.quoted(c)
	case c == '#' && l.startsWord():
		if end := strings.IndexByte(l.text[l.at:], '\n'); end >= 0 {
			l.at += end
		} else {
			l.at = len(l.text)
		}
	case c == '\n':
		l.end(false)
		l.at++
		l.number++
		l.start = l.at
	case c == ';':
		l.end(false)
		l.at++
		l.start = l.at
	case strings.HasPrefix(l.text[l.at:], "&&"):
		l.end(true)
		l.at += 2
		l.start = l.at
	default:
		l.at++
	}
}

func (l *liner) quoted(quote byte) {
	for l.at++; l.at < len(l.text) && l.text[l.at] != quote; l.at++ {
		switch {
		case l.text[l.at] == '\n':
			l.number++
		case l.text[l.at] == '\\' && quote == '"' && l.at+1 < len(l.text):
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.text))
}

// startsWord reports whether a word begins here.
func (l *liner) startsWord() bool {
	return l.at == l.start || strings.IndexByte(" \t\n;", l.text[l.at-1]) >= 0
}

// IsBatch reports whether a script is one for `ip -batch`, whose lines have no program
// name. In such a script each line begins with an object of ip, and not every line can
// be one of route(8).
func IsBatch(lines []Line) bool {
	some := false
	for _, l := range lines {
		words := strings.Fields(l.Text)
		if len(words) == 0 || choose(words[0], objects) == "" {
			return false
		}
		switch words[0] {
		case "ip", "sysctl", "ifconfig", "tc", "bridge":
			return false
		case "route":
			some = some || !ofNetTools(words[1:])
		default:
			some = true
		}
	}
	return some
}

// ofNetTools reports whether the words after `route` may be those of route(8).
func ofNetTools(words []string) bool {
	for _, w := range words {
		switch w {
		case "gw", "netmask", "-net", "-host", "-A":
			return true
		case "via", "table", "nexthop", "src", "scope", "proto", "replace", "append", "prepend", "change", "list", "show", "blackhole", "nhid":
			return false
		}
	}
	return true
}
