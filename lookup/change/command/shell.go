package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// shell is what the shell itself was told by the lines of a script.
type shell struct {
	// errexit says that the script ends at the first command that fails (set -e).
	errexit bool
	// exited says that the script has ended.
	exited bool
}

// assignment is a word that gives a variable a value.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)

// own is line for a line of a script that a shell reads.
func (x *shell) own(l *Line, s *Script) (own bool, err error) {
	if s.Batch {
		return false, nil
	}
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *SyntaxError:
			fault.Text = l.Text
			own, err = true, fault
		default:
			panic(fault)
		}
	}()
	return x.line(l.Text)
}

// line carries out a line that is for the shell alone: it sets an option or a variable, does
// nothing, or ends the script. False: it is for a program.
func (x *shell) line(text string) (bool, error) {
	name, rest, _ := strings.Cut(strings.TrimLeft(text, " \t"), " ")
	switch name {
	case "set":
		return true, x.set(text, strings.Fields(rest))
	case "exit":
		x.exited = true
		return true, nil
	case ":", "true":
		return true, nil
	case "export", "readonly", "local", "declare", "typeset", "unset":
		return true, noCommandIn(text)
	}
	if !assignment.MatchString(name) {
		return false, nil
	}
	if err := noCommandIn(text); err != nil {
		return true, err
	}
	plain := &splitter{text: text}
	for plain.blank(); plain.at < len(text); plain.blank() {
		if text[plain.at] == '#' {
			break
		}
		if w := plain.value(); !assignment.MatchString(w) { // a program follows the variables
			return false, nil
		}
	}
	return true, nil
}

// noCommandIn refuses the output of a command as a value, as that command may change
// something.
func noCommandIn(text string) error {
	for _, mark := range []string{"$(", "`", "<(", ">("} {
		if at := strings.Index(text, mark); at >= 0 {
			return &SyntaxError{
				Text: text, Place: Place{at, len(text)}, Message: fmt.Sprintf("%q is a command's output, which is not known here", text[at:]),
				Hint: "put the output in its place",
			}
		}
	}
	return nil
}

// set is the shell's set.
func (x *shell) set(text string, words []string) error {
	for i := 0; i < len(words); i++ {
		w := words[i]
		on := strings.HasPrefix(w, "-")
		letters := strings.TrimPrefix(strings.TrimPrefix(w, "-"), "+")
		if w == "--" || w == "-" || letters == w { // the words after it become $1 and so on
			return nil
		}
		for _, o := range letters {
			switch {
			case o == 'e':
				x.errexit = on
			case o == 'o' && i+1 < len(words):
				i++
				if err := x.named(text, words[i], on); err != nil {
					return err
				}
			case !strings.ContainsRune("uxvfbhmBCETH", o):
				return notOfSet(text, w)
			}
		}
	}
	return nil
}

// named sets an option by its name.
func (x *shell) named(text, name string, on bool) error {
	switch {
	case name == "errexit":
		x.errexit = on
	case !slices.Contains(strings.Fields("pipefail nounset xtrace verbose noglob errtrace functrace monitor notify posix noclobber"), name):
		return notOfSet(text, name)
	}
	return nil
}

func notOfSet(text, word string) error {
	at := max(0, strings.LastIndex(text, word))
	return &SyntaxError{Text: text, Place: Place{at, at + len(word)}, Message: fmt.Sprintf("%q of the shell's set is not understood", word)}
}
