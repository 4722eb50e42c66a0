package load

import (
	"bufio"
	"bytes"
	"strings"
	"unicode"
)

// Pages, word processors and chats put other characters in the place of those that a
// terminal showed, and add some that nobody sees.

// plainCharacters is a line with the characters that somebody saw, as a terminal writes them:
// spaces of any width are spaces, wide letters and digits (U+FF01 to U+FF5E) and curly quotes
// are those of ASCII, and what is not visible is left out (soft hyphens, marks of direction).
func plainCharacters(s string) string {
	if isASCII(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\u00c2\u00a0", " ") // a space of UTF-8 that was read as Latin-1
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar: // or a byte that is no UTF-8
			b.WriteByte(s[i])
			if strings.HasPrefix(s[i:], "\ufffd") {
				b.WriteString(s[i+1 : i+3])
			}
		case r == '\u21b5', unicode.Is(unicode.Cf, r):
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r >= 0xff01 && r <= 0xff5e:
			b.WriteRune(r - 0xfee0)
		case strings.ContainsRune("\u2018\u2019\u201a\u201b", r):
			b.WriteByte('\'')
		case strings.ContainsRune("\u201c\u201d\u201e\u201f", r):
			b.WriteByte('"')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Some trackers mark text with words in brackets.
var (
	markBefore = lazily(`^\s*(?:\[(?:code|quote|pre|spoiler|noparse|noformat)(?:[=:][^\]]*)?\]|\{(?:code|quote|panel|noformat)(?::[^{}]*)?\}|<!\[CDATA\[)`)
	markAfter  = lazily(`(?:\[/(?:code|quote|pre|spoiler|noparse|noformat)\]|\{(?:code|quote|panel|noformat)\}|\]\]>)\s*$`)
)

// withoutMarks is a line without the marks that begin and end a block of text.
func withoutMarks(s string) string {
	if strings.IndexByte(s, '[') >= 0 || strings.IndexByte(s, '{') >= 0 {
		for m := markBefore().FindString(s); m != ""; m = markBefore().FindString(s) {
			s = s[len(m):]
		}
	}
	if end := strings.TrimRight(s, " \t"); strings.HasSuffix(end, "]") || strings.HasSuffix(end, "}") || strings.HasSuffix(end, "]>") {
		for m := markAfter().FindString(s); m != ""; m = markAfter().FindString(s) {
			s = s[:len(s)-len(m)]
		}
	}
	if inner, ok := strings.CutPrefix(s, "{{"); ok && strings.HasSuffix(inner, "}}") {
		s = strings.TrimSuffix(inner, "}}")
	}
	return withoutFence(s)
}

// unquoted is a line of a listing without the quotes around it.
func unquoted(s string) string {
	text := strings.TrimSpace(s)
	if len(text) > 2 && text[0] == '"' && strings.IndexByte(text[1:], '"') == len(text)-2 && isListed(text[1:len(text)-1]) {
		return text[1 : len(text)-1]
	}
	return s
}

// withoutFence is a line without the backticks of Markdown that begin or end a block, if the
// block's text is on the same line. Else they stay: the word after them is a language.
func withoutFence(s string) string {
	if text, ok := strings.CutSuffix(s, "```"); ok && strings.TrimSpace(text) != "" && !strings.HasSuffix(text, "`") {
		s = text
	}
	if text, ok := strings.CutPrefix(strings.TrimLeft(s, " \t"), "```"); ok && isListed(text) {
		return text
	}
	return s
}

// isListed reports whether a line is surely one of a listing, or a command.
func isListed(s string) bool {
	w := strings.Fields(s)
	if len(w) > 2 && beginsRoute(w) || ruleLine().MatchString(s) || linkLine().MatchString(s) {
		return true
	}
	if at := surelyListed().FindStringIndex(s[:min(len(s), maxHeading)]); at != nil && at[0] == 0 {
		return true
	}
	_, command := commandIn(s[:min(len(s), maxHeading)])
	return command
}

// overwritten are the lines that are between the carriage returns of a line. A terminal shows
// only the last of them, but if others are those of a listing, they end lines, as on old
// systems and in fields of tables.
func overwritten(s string) []string {
	if s = strings.TrimRight(s, "\r"); strings.IndexByte(s, '\r') < 0 {
		return nil
	}
	all := strings.Split(s, "\r")
	for _, part := range all[:len(all)-1] {
		w := strings.Fields(part)
		if len(w) > 2 && beginsRoute(w) || ruleLine().MatchString(part) || linkLine().MatchString(part) {
			return all
		}
	}
	return nil
}

// lineEndings makes a scanner split a text at carriage returns if nothing else ends the lines
// in its head. It gives the head with the usual line ends.
func lineEndings(sc *bufio.Scanner, head []byte) string {
	if bytes.IndexByte(head, '\r') < 0 || bytes.IndexByte(head, '\n') >= 0 {
		return string(head)
	}
	sc.Split(carriageReturns)
	return strings.ReplaceAll(string(head), "\r", "\n")
}

// carriageReturns splits a text whose lines end with a carriage return.
func carriageReturns(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
