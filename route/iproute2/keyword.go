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

// A keyword is a word that says something of an object of ip(8), with the field of
// the object that its value goes to. The pointer's type tells how many words follow:
//
//	*string, *Text            one
//	*bool, *Mark              none
//	*uint32, *uint64, **int,
//	**Number                  one, a number
//	phrase                    as many as it takes
//
// The same keywords are read in listings and in commands. A listing has them in the
// order of the language, by their first names.
type keyword[T any] struct {
	names string // separated by blanks, the one that listings have first
	field func(*T) any
}

// phrase is a field that takes more or less than one word.
type phrase interface {
	take(name string, w *words)
	text(name string) []string // what a listing has; nil: nothing
}

// valueWord is a field whose value is one word of its own kind; nil: it was not said.
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

// language are the keywords of one kind of object.
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

// take takes a keyword with its value. False: the next word is none.
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

// wantsMore reports whether a word is a keyword that is nothing without a value.
func (l *language[T]) wantsMore(name string) bool {
	w := &words{all: []string{name}}
	return l.take(w, new(T)) && w.odd != nil
}

// parseRest reads as many words as are understood.
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

// text adds what a listing has of an object.
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

// unlike are the words of each of two listings for which the other has others.
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
	// At is its place among the words that were read, from 0; their number where
	// they ended too early.
	At  int
	Err error
}

func (o *Odd) Error() string { return o.Err.Error() }
func (o *Odd) Unwrap() error { return o.Err }

// words are the words of a line, taken one by one.
type words struct {
	all []string
	at  int
	odd *Odd // the first
}

func (w *words) more() bool { return w.at < len(w.all) && w.odd == nil }

// peek is the next word; empty: there is none.
func (w *words) peek() string {
	if w.at < len(w.all) {
		return w.all[w.at]
	}
	return ""
}

// next takes a word, which must be there.
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

// skip takes the next word if it is that one.
func (w *words) skip(word string) bool {
	if w.at == len(w.all) || w.all[w.at] != word {
		return false
	}
	w.at++
	return true
}

// fail notes that the word taken last is odd.
func (w *words) fail(err error) {
	if w.odd == nil {
		w.odd = &Odd{w.at - 1, err}
	}
}

// once takes the value of a keyword. One that has a value already is there twice.
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

// strict reads an object whose members are all known. With an error comes as much as
// was understood.
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

// Text is a word that some versions of ip(8) write into JSON as a number.
type Text string

// UnmarshalJSON reads a string or a number. A null is no text.
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

// UnmarshalJSON reads either.
func (m *Mark) UnmarshalJSON(b []byte) error {
	*m = string(b) != "false"
	return nil
}

// Number is a metric, which old versions of ip(8) write with a sign.
type Number uint32

// UnmarshalJSON reads it with or without one, and also as a string.
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
