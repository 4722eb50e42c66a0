package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"routewhy/route"
)

// dump reads what `routewhy --dump --json` writes: rules, and the tables with
// their routes.
func (l *loader) dump(name string, r *bufio.Reader) error {
	in := &bounded{r, maxElement}
	d := json.NewDecoder(in)
	j := &jsonReader{facts: l.facts}
	read := func(raw json.RawMessage, one func(json.RawMessage) error) error {
		in.left = maxElement
		j.element++
		if err := l.fits(raw); err != nil {
			return err
		}
		if err := one(raw); err != nil {
			l.fault(name, 0, fmt.Errorf("element %d: %w", j.element, err))
		}
		return l.account()
	}
	err := members(d, func(key string) error {
		switch key {
		case "rules":
			return elements(d, func(raw json.RawMessage) error { return read(raw, j.dumpRule) })
		case "tables":
			return j.dumpTables(d, func(raw json.RawMessage) error { return read(raw, j.object) })
		case "defaults", "changing":
			in.left = maxElement
			return d.Decode(new(json.RawMessage))
		}
		return fmt.Errorf("%q is not known", key)
	})
	if err == nil && j.element == 0 {
		err = errors.New("has no rule and no route")
	}
	return err
}

// dumpTables reads the tables. The members that describe a table come before its
// routes.
func (j *jsonReader) dumpTables(d *json.Decoder, one func(json.RawMessage) error) error {
	return list(d, func() error {
		j.context = context{all: true}
		return members(d, func(key string) error {
			switch key {
			case "family":
				return d.Decode((*familyName)(&j.context.family))
			case "id":
				return d.Decode(&j.context.table)
			case "routes":
				return elements(d, one)
			}
			return d.Decode(new(json.RawMessage))
		})
	})
}

// familyName is a family as --dump --json writes it.
type familyName route.Family

func (f *familyName) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"inet"`:
		*f = familyName(route.IPv4)
	case `"inet6"`:
		*f = familyName(route.IPv6)
	default:
		return fmt.Errorf("family %s", b)
	}
	return nil
}

// dumpRule reads a rule and its family, which is a member of the same object.
func (j *jsonReader) dumpRule(raw json.RawMessage) error {
	var v map[string]json.RawMessage
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if b, ok := v["family"]; ok {
		if err := json.Unmarshal(b, (*familyName)(&j.context.family)); err != nil {
			return err
		}
		delete(v, "family")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return j.rule(b)
}

// members reads an object. It calls each with a member's name, and each reads the
// member's value.
func members(d *json.Decoder, each func(key string) error) error {
	if err := delim(d, '{'); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return jsonError(err)
		}
		name, _ := key.(string)
		if err := each(name); err != nil {
			return jsonError(err)
		}
	}
	return delim(d, '}')
}

// list reads a list. It calls each once for every element.
func list(d *json.Decoder, each func() error) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for d.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return delim(d, ']')
}

func elements(d *json.Decoder, each func(json.RawMessage) error) error {
	return list(d, func() error {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if err == nil {
			err = each(raw)
		}
		return err
	})
}

func delim(d *json.Decoder, want json.Delim) error {
	tok, err := d.Token()
	if err == nil && tok != want {
		err = fmt.Errorf("%v instead of %v", tok, want)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
