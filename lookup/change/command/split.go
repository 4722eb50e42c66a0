package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// word is a word of a command, without quotes and backslashes, and its place.
type word struct {
	text string
	Place
}

// split splits a command as a shell does. A comment, a prompt and sudo are left out. If
// only a shell can work something out, split panics with a [*SyntaxError].
func split(text string, batch bool) []word {
	s := &splitter{text: text}
	s.prompt()
	for s.blank(); s.at < len(text); s.blank() {
		if text[s.at] == '#' {
			break
		}
		if n := len(quiet.FindString(text[s.at:])); n > 0 && !batch {
			s.at += n
			continue
		}
		s.words = append(s.words, s.word())
		if !batch && len(s.words) == 1 {
			s.program()
		}
	}
	if len(s.words) == 0 {
		panic(&SyntaxError{Place: Place{0, len(text)}, Message: "there is no command, and nothing to try"})
	}
	return s.words
}

// quiet are redirections that change nothing of what a command does: nothing reads its output.
var quiet = regexp.MustCompile(`^(?:[12]?>>?[ \t]*/dev/null|&>>?[ \t]*/dev/null|<[ \t]*/dev/null|2>&1|1?>&2)(?:[ \t\r]|$)`)

// prompt skips a prompt, or the word of interfaces(5) for a command that ifup runs.
func (s *splitter) prompt() {
	s.blank()
	for _, p := range []string{"$", "[#]", "+", "++", "+++", "%", "pre-up", "up", "post-up"} {
		if rest, ok := strings.CutPrefix(s.text[s.at:], p); ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
			s.at += len(p)
			return
		}
	}
}

// program looks at the first word. It skips sudo with its options. A program that is
// not understood ends the reading before any of its words are looked at.
func (s *splitter) program() {
	name := s.words[0].text
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case base == "sudo" || base == "doas":
		s.words = nil
		for s.blank(); s.at < len(s.text) && s.text[s.at] == '-'; s.blank() {
			if o := s.word(); o.text == "-u" || o.text == "-g" {
				s.blank()
				s.word()
			}
		}
	case assignment.MatchString(name): // for the program that follows
		s.words = nil
	case base == "env" && variables.MatchString(s.text[s.at:]):
		s.words = nil
	case slices.Contains(wrappers(), base):
		panic(&SyntaxError{Place: s.words[0].Place, Message: fmt.Sprintf("%q runs another program", name), Hint: "give the command without it"})
	case slices.Contains(shellWords(), base):
		panic(&SyntaxError{Place: s.words[0].Place, Message: fmt.Sprintf("%q is of the shell, which decides what is run", name), Hint: "give each command with a --try of its own"})
	case !slices.Contains(programs(), base):
		e := &SyntaxError{
			Place: s.words[0].Place, Foreign: true, Message: fmt.Sprintf("%q is a program that is not understood", name),
			Hint: "understood are " + strings.Join(programs(), ", "),
		}
		if strings.Contains(s.text, "/proc/sys/") {
			e.Foreign, e.Hint = false, "a setting is written by sysctl -w NAME=VALUE"
		}
		panic(e)
	}
}

func shellWords() []string {
	return strings.Fields("while until for if then else elif fi do done case esac function eval exec source . { } ! [[ test trap alias unalias shopt builtin " +
		"return break continue false")
}

// wrappers are programs that run another program.
func wrappers() []string {
	return strings.Fields("env timeout nohup nice ionice chroot nsenter unshare systemd-run setsid time command xargs ssh watch strace stdbuf flock taskset su " +
		"runuser bash sh dash ash zsh busybox at batch")
}

// variables are the words after env that give variables values, without an option of it.
var variables = regexp.MustCompile(`^[ \t]+[A-Za-z_][A-Za-z0-9_]*=`)

// value reads a word without looking at variables in it.
func (s *splitter) value() string {
	start := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == ' ' || c == '\t' || c == '\r':
			return s.text[start:s.at]
		case c == '\'' || c == '"':
			end := strings.IndexByte(s.text[s.at+1:], c)
			if end < 0 {
				panic(&SyntaxError{Place: Place{s.at, len(s.text)}, Message: fmt.Sprintf("the quotation that begins with %c has no end", c)})
			}
			s.at += end + 2
		default:
			s.at++
		}
	}
	return s.text[start:s.at]
}

type splitter struct {
	text  string
	at    int
	words []word
	plain bool // the text is not a shell command
}

// blank skips blanks, and also a line end after a backslash.
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

// word reads a word.
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

// quoted reads the text between quotes.
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

// expansion is what bash makes several words of (brace expansion).
var expansion = regexp.MustCompile(`^\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}`)

// refuse ends with an error about something that only a shell can work out.
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
	case '{', '}':
		switch braces := expansion.FindString(s.text[s.at:]); {
		case braces != "" && !s.plain:
			end = s.at + len(braces)
			what, hint = "stands for several words, which only a shell makes of it", "give a command for each of them"
		case start != s.at || end != s.at+1:
			return
		default:
			what = "groups commands"
		}
	case '(', ')':
		what = "groups commands"
	case '*', '?', '[':
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
	if s.plain {
		what, hint = "is for a shell alone", "quotation marks make it a part of a name"
	}
	panic(&SyntaxError{Place: Place{s.at, end}, Message: fmt.Sprintf("%q %s", s.text[s.at:end], what), Hint: hint})
}
