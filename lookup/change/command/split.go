package command

import (
	"fmt"
	"strings"
)

// word is a word of a command, without quotes and backslashes, and its place.
type word struct {
	text string
	Place
}

// split takes a command apart as a shell does. A comment, a prompt and sudo are left out.
// What only a shell can work out is a [*SyntaxError], which it panics with.
func split(text string) []word {
	s := &splitter{text: text}
	for s.blank(); s.at < len(text); s.blank() {
		if text[s.at] == '#' {
			if len(s.words) == 0 && strings.HasPrefix(text[s.at:], "# ") {
				panic(&SyntaxError{Place: Place{s.at, len(text)}, Message: "it is a comment, and there is nothing to try"})
			}
			break
		}
		s.words = append(s.words, s.word())
	}
	return withoutPrompt(s.words)
}

type splitter struct {
	text  string
	at    int
	words []word
}

// blank passes over blanks, and over ends of lines after a backslash.
func (s *splitter) blank() {
	for s.at < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.at:], "\\\n"):
			s.at += 2
		case strings.HasPrefix(s.text[s.at:], "\\\r\n"):
			s.at += 3
		case strings.IndexByte(" \t\r", s.text[s.at]) >= 0:
			s.at++
		default:
			return
		}
	}
}

// word takes a word.
func (s *splitter) word() word {
	start := s.at
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			return word{b.String(), Place{start, s.at}}
		case c == '\'' || c == '"':
			s.quoted(&b, c)
		case c == '\\':
			if strings.HasPrefix(s.text[s.at:], "\\\n") || strings.HasPrefix(s.text[s.at:], "\\\r\n") {
				return word{b.String(), Place{start, s.at}}
			}
			if s.at++; s.at < len(s.text) {
				b.WriteByte(s.text[s.at])
				s.at++
			}
		default:
			s.refuse(start)
			b.WriteByte(c)
			s.at++
		}
	}
	return word{b.String(), Place{start, s.at}}
}

// quoted takes what stands in quotes.
func (s *splitter) quoted(b *strings.Builder, quote byte) {
	start := s.at
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == quote:
			s.at++
			return
		case quote == '"' && (c == '$' || c == '`'):
			s.refuse(start)
		case quote == '"' && c == '\\' && s.at+1 < len(s.text) && strings.IndexByte("\"\\$`", s.text[s.at+1]) >= 0:
			s.at++
			b.WriteByte(s.text[s.at])
		default:
			b.WriteByte(c)
		}
	}
	panic(&SyntaxError{Place: Place{start, len(s.text)}, Message: fmt.Sprintf("the quotation that begins with %c has no end", quote)})
}

// refuse refuses what only a shell can work out.
func (s *splitter) refuse(start int) {
	c := s.text[s.at]
	end := s.at + 1
	for end < len(s.text) && strings.IndexByte(" \t\n\r'\"", s.text[end]) < 0 {
		end++
	}
	what, hint := "", ""
	switch c {
	case '$':
		what, hint = "is a variable, whose value is not known here", "put the value in its place"
	case '`':
		what, hint = "is a command's output, which is not known here", "put the output in its place"
	case '>', '<':
		what, hint = "is a redirection, or stands for something to fill in", "routewhy makes no command, and reads no other file"
	case '|':
		what, hint = "joins two commands, and the second depends on what the first does", "give each command with a --try of its own"
	case '&':
		if !strings.HasPrefix(s.text[s.at:], "&&") {
			what = "runs a command in the background"
			break
		}
		fallthrough
	case ';', '\n':
		what, hint = "ends a command, and another one follows", "give each command with a --try of its own"
	case '(', ')', '{', '}':
		if c == '{' || c == '}' {
			if start != s.at || end != s.at+1 {
				return
			}
		}
		what = "groups commands"
	case '*', '?', '[':
		if c == '[' && strings.HasPrefix(s.text[start:], "[#]") {
			return
		}
		what, hint = "is a pattern, which only a shell replaces by names", "name what is meant"
	case '!':
		if start != s.at || end != s.at+1 {
			return
		}
		what = "turns round whether a command succeeded"
	case '~':
		return
	default:
		return
	}
	panic(&SyntaxError{Place: Place{s.at, end}, Message: fmt.Sprintf("%q %s", s.text[s.at:end], what), Hint: hint})
}

// withoutPrompt leaves out a prompt, and sudo with its options.
func withoutPrompt(words []word) []word {
	if len(words) > 1 {
		switch words[0].text {
		case "$", "#", "[#]", "+", "++", "%":
			words = words[1:]
		}
	}
	if len(words) > 1 && (words[0].text == "sudo" || words[0].text == "/usr/bin/sudo" || words[0].text == "doas") {
		words = words[1:]
		for len(words) > 1 && strings.HasPrefix(words[0].text, "-") {
			words = words[1:]
		}
	}
	return words
}
