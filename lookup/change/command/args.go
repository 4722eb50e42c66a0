package command

import (
	"fmt"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// args are the words of a command, which are taken one by one. Its methods panic with
// a [*Refusal] if the program refuses the command, and with a [*SyntaxError] if the
// command is not understood here. Function parse recovers from both.
type args struct {
	text    string
	words   []word
	at      int // the index of the next word
	program string
	state   *change.State
	snap    *route.Snapshot
	// family is ip's -4 or -6; zero: neither.
	family route.Family
	// exists reports whether the kernel has a setting, by its path; nil: see [Script.Exists].
	exists func(path string) route.Tristate
	// lacks is what the kernel says if it lacks a part that the command needs.
	lacks *change.Refusal
}

// more reports whether there is another word.
func (a *args) more() bool { return a.at < len(a.words) }

// peek is the next word; empty: there is none.
func (a *args) peek() string {
	if a.more() {
		return a.words[a.at].text
	}
	return ""
}

// last is the place of the word that was taken last.
func (a *args) last() Place {
	if a.at > 0 && a.at <= len(a.words) {
		return a.words[a.at-1].Place
	}
	return Place{len(a.text), len(a.text)}
}

// take takes a word. There must be one.
func (a *args) take() string {
	a.at++
	return a.words[a.at-1].text
}

// value takes the value of a keyword. ip refuses a keyword without its value.
func (a *args) value() string {
	if !a.more() {
		panic(&Refusal{By: a.program, Message: `Command line is not complete. Try option "help"`, Place: Place{len(a.text), len(a.text)}})
	}
	return a.take()
}

// skip takes the next word if it is the given one.
func (a *args) skip(text string) bool {
	if a.more() && a.peek() == text {
		a.at++
		return true
	}
	return false
}

// refuse ends with what the program says about the word that was taken last.
func (a *args) refuse(format string, operands ...any) {
	panic(&Refusal{By: a.program, Message: fmt.Sprintf(format, operands...), Place: a.last()})
}

// invalid is ip's refusal of a value.
func (a *args) invalid(value, why string) {
	a.refuse("argument %q is wrong: %s", raw(value), why)
}

// garbage is ip's refusal of a word if there is a value already.
func (a *args) garbage(key, word string) {
	a.refuse("either %q is duplicate, or %q is a garbage.", raw(key), raw(word))
}

// twice is ip's refusal of a second value.
func (a *args) twice(key, value string) {
	a.refuse("duplicate %q: %q is the second value.", raw(key), raw(value))
}

// noDevice is ip's refusal of a device that does not exist.
func (a *args) noDevice(name string) { a.refuse("Cannot find device %q", raw(name)) }

// raw is text that %q puts between quotation marks without a change.
type raw string

// Format writes the text between quotation marks.
func (r raw) Format(f fmt.State, _ rune) { fmt.Fprintf(f, `"%s"`, string(r)) }

// unknown ends with a word that is not understood here, which is the one taken last.
func (a *args) unknown(format string, operands ...any) {
	panic(&SyntaxError{Place: a.last(), Message: fmt.Sprintf(format, operands...)})
}

// matches reports whether a word abbreviates a keyword.
func matches(word, keyword string) bool { return word != "" && strings.HasPrefix(keyword, word) }

// choose is the first of some keywords, separated by blanks, for which a word is an
// abbreviation; empty: there is none.
func choose(word, keywords string) string {
	for k := range strings.FieldsSeq(keywords) {
		if matches(word, k) {
			return k
		}
	}
	return ""
}

// chooseExact is the first of some keywords that is the same as a word. A word may
// abbreviate a keyword only if the keyword ends with "*".
func chooseExact(word, keywords string) string {
	for k := range strings.FieldsSeq(keywords) {
		name, short := strings.CutSuffix(k, "*")
		if word == name || short && matches(word, name) {
			return name
		}
	}
	return ""
}
