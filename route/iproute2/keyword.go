package iproute2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A keyword is a word that says something about an object of ip(8), with the field of
// the object that gets its value. The pointer's type says how many words follow:
//
//	*string, *Text            one
//	*bool, *Mark              none
//	*uint32, *uint64, **int,
//	**Number                  one, a number
//	phrase                    as many as the phrase takes
//
// The same keywords are read in listings and in commands. A listing has them in the
// order of the language, and uses the first name of each.
type keyword[T any] struct {
	names string // separated by blanks; the first is the name that listings use
	field func(*T) any
}

// phrase is a field whose value may be any number of words.
type phrase interface {
	take(name string, w *words)
	text(name string) []string // the words in a listing; nil: none
}

// valueWord is a field whose value is one word with its own syntax; nil: it was not given.
type valueWord[V fmt.Stringer] struct {
	value **V
	parse func(string) (V, error)
}

func (v valueWord[V]) take(_ string, w *words) {
	x, err := v.parse(w.next())
	if err != nil {
		w.fail(err)
	}
	*v.value = &x
}

func (v valueWord[V]) text(name string) []string {
	if *v.value == nil {
		return nil
	}
	return []string{name, (**v.value).String()}
}

// language has the keywords of one kind of object.
type language[T any] struct {
	list   []keyword[T]
	byName map[string]*keyword[T]
}

// languageOf makes a language when it is first used.
func languageOf[T any](list func() []keyword[T]) func() *language[T] {
	return sync.OnceValue(func() *language[T] {
		l := &language[T]{list(), map[string]*keyword[T]{}}
		for i := range l.list {
			for name := range strings.FieldsSeq(l.list[i].names) {
				l.byName[name] = &l.list[i]
			}
		}
		return l
	})
}

// take takes a keyword with its value. False: the next word is not a keyword.
func (l *language[T]) take(w *words, to *T) bool {
	k := l.byName[w.peek()]
	if k == nil {
		return false
	}
	name := w.next()
	switch f := k.field(to).(type) {
	case *string:
		*f = w.once(name, *f)
	case *Text:
		*f = Text(w.once(name, string(*f)))
	case *bool:
		*f = true
	case *Mark:
		*f = true
	case *uint32:
		*f = uint32(w.number(32))
	case *uint64:
		*f = w.number(64)
	case **int:
		n := int(w.number(8))
		*f = &n
	case **Number:
		n, err := parseNumber(w.next())
		if err != nil {
			w.fail(err)
		}
		*f = &n
	case phrase:
		f.take(name, w)
	}
	return true
}

// wantsMore reports whether a word is a keyword that needs a value.
func (l *language[T]) wantsMore(name string) bool {
	if l.byName[name] == nil {
		return false
	}
	w := &words{all: []string{name}}
	return l.take(w, new(T)) && w.odd != nil
}

// parseRest reads the words that are understood, and skips the others.
func parseRest[T any](l *language[T], line []string) T {
	w := &words{all: line}
	var x T
	for w.at < len(line) {
		if !l.take(w, &x) {
			w.next()
		}
	}
	return x
}

// text appends the words that a listing has for an object.
func (l *language[T]) text(out []string, from *T) []string {
	add := func(name, value string) {
		if value != "" {
			out = append(out, name, value)
		}
	}
	for i := range l.list {
		name, _, _ := strings.Cut(l.list[i].names, " ")
		switch f := l.list[i].field(from).(type) {
		case *string:
			add(name, *f)
		case *Text:
			add(name, string(*f))
		case *bool:
			if *f {
				out = append(out, name)
			}
		case *Mark:
			if *f {
				out = append(out, name)
			}
		case *uint32:
			if *f != 0 {
				add(name, strconv.FormatUint(uint64(*f), 10))
			}
		case *uint64:
			if *f != 0 {
				add(name, strconv.FormatUint(*f, 10))
			}
		case **int:
			if *f != nil {
				add(name, strconv.Itoa(**f))
			}
		case **Number:
			if *f != nil {
				add(name, strconv.FormatUint(uint64(**f), 10))
			}
		case phrase:
			out = append(out, f.text(name)...)
		}
	}
	return out
}

// unlike compares the listings of two objects. For each object, it gives the words of the
// keywords that are different in the other listing.
func (l *language[T]) unlike(a, b *T) (ofA, ofB []string) {
	for i := range l.list {
		one := language[T]{list: l.list[i : i+1]}
		if x, y := one.text(nil, a), one.text(nil, b); !slices.Equal(x, y) {
			ofA, ofB = append(ofA, x...), append(ofB, y...)
		}
	}
	return ofA, ofB
}

// Odd is a word that was not understood.
type Odd struct {
	// At is the place of the word among those that were read, from 0. If the words
	// ended too early, it is their number.
	At  int
	Err error
}

func (o *Odd) Error() string { return o.Err.Error() }
func (o *Odd) Unwrap() error { return o.Err }

// words are the words of a line, taken one by one.
type words struct {
	all []string
	at  int
	odd *Odd // the first odd word
}

func (w *words) more() bool { return w.at < len(w.all) && w.odd == nil }

// peek is the next word; empty: there is none.
func (w *words) peek() string {
	if w.at < len(w.all) {
		return w.all[w.at]
	}
	return ""
}

// next takes the next word. If there is none, that is odd.
func (w *words) next() string {
	if w.at == len(w.all) {
		if w.odd == nil {
			w.odd = &Odd{w.at, errors.New("it ends in the middle")}
		}
		return ""
	}
	w.at++
	return w.all[w.at-1]
}

// skip takes the next word if it is word, and reports whether it is.
func (w *words) skip(word string) bool {
	if w.at == len(w.all) || w.all[w.at] != word {
		return false
	}
	w.at++
	return true
}

// fail remembers that the last word that was taken is odd.
func (w *words) fail(err error) {
	if w.odd == nil {
		w.odd = &Odd{w.at - 1, err}
	}
}

// once takes the value of a keyword. If there already was a value, the keyword is there
// twice, and that is odd.
func (w *words) once(name, had string) string {
	if had != "" {
		w.fail(fmt.Errorf("%q is there twice", name))
		return had
	}
	return w.next()
}

// number takes a number, decimal or 0x hex.
func (w *words) number(bits int) uint64 {
	n, err := ParseUint(w.next(), bits)
	if err != nil {
		w.fail(err)
	}
	return n
}

// ParseUint reads a number as iproute2 prints it: decimal, or hex with 0x.
func ParseUint(s string, bits int) (uint64, error) {
	digits, base := s, 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

// strict reads an object. A member that is not known is an error. Even with an error, v
// has as much as was understood.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return errors.New(name + " is not known")
		}
	}
	return err
}

// Text is a word that some versions of ip(8) write as a number in JSON.
type Text string

// UnmarshalJSON reads a string or a number. A null is an empty text.
func (t *Text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = Text(b)
	}
	return nil
}

// Mark is a word without a value. In JSON, ip(8) writes null for it, and routewhy true.
type Mark bool

// UnmarshalJSON reads null, true or false.
func (m *Mark) UnmarshalJSON(b []byte) error {
	*m = string(b) != "false"
	return nil
}

// Number is a metric, which old versions of ip(8) write with a sign.
type Number uint32

// UnmarshalJSON reads a number with or without a sign, also as a string.
func (n *Number) UnmarshalJSON(b []byte) (err error) {
	*n, err = parseNumber(string(bytes.Trim(b, `"`)))
	return err
}

func parseNumber(s string) (Number, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1<<31 || n > 1<<32-1 {
		return 0, fmt.Errorf("%q is no metric", s)
	}
	return Number(n), nil
}
