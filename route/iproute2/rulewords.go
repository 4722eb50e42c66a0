package iproute2

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// The fields of a rule whose values may be any number of words.

type prefixWords struct {
	addr   *string
	length *int
}

func (p prefixWords) take(name string, w *words) {
	if *p.addr != "" {
		w.once(name, *p.addr)
		return
	}
	text := w.next()
	addr, length, has := strings.Cut(text, "/")
	n, err := strconv.ParseUint(length, 10, 8)
	if !has || err != nil || n == 0 && strings.Trim(addr, "0:.") != "" {
		*p.addr, *p.length = text, 0
		return
	}
	*p.addr, *p.length = addr, int(n)
}

func (p prefixWords) text(name string) []string {
	switch {
	case *p.addr == "" && name == "from":
		return []string{name, "all"}
	case *p.addr == "":
		return nil
	}
	return []string{name, lengthened(*p.addr, *p.length)}
}

// maskedWord is VALUE or VALUE/MASK.
type maskedWord struct{ value, mask *Text }

func (m maskedWord) take(name string, w *words) {
	if *m.value != "" {
		w.once(name, string(*m.value))
		return
	}
	value, mask, _ := strings.Cut(w.next(), "/")
	*m.value, *m.mask = Text(value), Text(mask)
}

func (m maskedWord) text(name string) []string {
	if *m.value == "" {
		return nil
	}
	return []string{name, masked(*m.value, *m.mask)}
}

type deviceWords struct {
	name     *string
	detached *Mark
}

func (d deviceWords) take(name string, w *words) {
	*d.name = w.once(name, *d.name)
	*d.detached = Mark(w.skip("[detached]"))
}

func (d deviceWords) text(name string) []string {
	switch {
	case *d.name == "":
		return nil
	case bool(*d.detached):
		return []string{name, *d.name, "[detached]"}
	}
	return []string{name, *d.name}
}

type uidWords struct{ *Rule }

func (r uidWords) take(_ string, w *words) {
	low, high, _ := strings.Cut(w.next(), "-")
	start, err := ParseUint(low, 32)
	end, err2 := ParseUint(high, 32)
	if err = cmp.Or(err, err2); err != nil {
		w.fail(err)
	}
	first, last := uint32(start), uint32(end)
	r.UIDStart, r.UIDEnd = &first, &last
}

func (r uidWords) text(name string) []string {
	if r.UIDStart == nil || r.UIDEnd == nil {
		return nil
	}
	return []string{name, fmt.Sprintf("%d-%d", *r.UIDStart, *r.UIDEnd)}
}

type portWords struct {
	one, start, end *uint16
	mask            *Text
}

func (p portWords) take(_ string, w *words) {
	set := func(to *uint16, text string) {
		n, err := ParseUint(text, 16)
		if err != nil {
			w.fail(err)
		}
		*to = uint16(n)
	}
	text := w.next()
	if low, high, ok := strings.Cut(text, "-"); ok {
		set(p.start, low)
		set(p.end, high)
		return
	}
	one, mask, _ := strings.Cut(text, "/")
	set(p.one, one)
	*p.mask = Text(mask)
}

func (p portWords) text(name string) []string {
	text := ports(*p.one, *p.start, *p.end, *p.mask)
	if text == "" {
		return nil
	}
	return []string{name, text}
}

type lookupWords struct{ *Rule }

// l3mdevTable stands for the table of the VRF that the packet belongs to.
const l3mdevTable = "[l3mdev-table]"

func (r lookupWords) take(name string, w *words) {
	if w.skip(l3mdevTable) {
		r.L3Mdev = true
		return
	}
	r.Table = Text(w.once(name, string(r.Table)))
}

func (r lookupWords) text(name string) []string {
	switch {
	case r.Table != "":
		return []string{name, string(r.Table)}
	case bool(r.L3Mdev):
		return []string{name, l3mdevTable}
	}
	return nil
}

// l3mdevWord is the condition l3mdev. A listing shows it as the table [l3mdev-table], or as
// the word l3mdev if the rule has another table.
type l3mdevWord struct{ *Rule }

func (r l3mdevWord) take(string, *words) { r.L3Mdev = true }

func (r l3mdevWord) text(name string) []string {
	if r.Table == "" || !r.L3Mdev {
		return nil
	}
	return []string{name}
}

type ruleRealms struct{ *Rule }

func (r ruleRealms) take(_ string, w *words) {
	realms := parseRealms(w.next())
	r.FlowFrom, r.FlowTo = Text(realms.From), Text(realms.To)
}

func (r ruleRealms) text(name string) []string {
	if r.FlowTo == "" {
		return nil
	}
	return []string{name, (&Realms{string(r.FlowFrom), string(r.FlowTo)}).String()}
}

type gotoWords struct{ *Rule }

func (r gotoWords) take(_ string, w *words) {
	if w.skip("none") {
		r.Action = noTarget
		return
	}
	r.Goto = uint32(w.number(32))
}

func (r gotoWords) text(name string) []string {
	switch {
	case r.Goto != 0:
		return []string{name, strconv.FormatUint(uint64(r.Goto), 10)}
	case r.Action == noTarget:
		return []string{name, "none"}
	}
	return nil
}

type actionWord struct{ *Rule }

func (r actionWord) take(name string, _ *words) { r.Action = name }

func (r actionWord) text(string) []string {
	if r.Action == "" || r.Action == noTarget {
		return nil
	}
	return []string{r.Action}
}
