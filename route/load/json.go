package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxElement is how many bytes one element of a JSON list may have.
const maxElement = 8 << 20

// bounded is a reader that fails once it has given so many bytes.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("one element has more than %d MiB", maxElement>>20)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// jsonLists reads what `ip -j` prints: lists of objects, each of which says by
// its members what it is; several lists may follow each other.
func (l *loader) jsonLists(name string, r io.Reader) error {
	in := &bounded{r, maxElement}
	d := json.NewDecoder(bufio.NewReader(in))
	j := &jsonReader{facts: l.facts, context: fileContext(name)}
	lists := 0
	for {
		tok, err := d.Token()
		if err == io.EOF && lists > 0 {
			return nil
		}
		if err != nil {
			return jsonError(err)
		}
		if tok != json.Delim('[') {
			return errUnknown
		}
		lists++
		l.facts.listing++
		j.rules = rulesSeen{}
		if lists > 1 && j.hadRules {
			j.secondRules = true
		}
		for d.More() {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return jsonError(err)
			}
			in.left = maxElement
			j.element++
			if err := l.fits(raw); err != nil {
				return err
			}
			if err := j.object(raw); err != nil {
				l.fault(name, 0, fmt.Errorf("element %d: %w", j.element, err))
			}
			if err := l.account(); err != nil {
				return err
			}
			if l.facts.routes.Len() > maxRoutes {
				return fmt.Errorf("more than %d routes", maxRoutes)
			}
		}
		if _, err := d.Token(); err != nil {
			return jsonError(err)
		}
	}
}

func jsonError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle")
	}
	return fmt.Errorf("is no JSON: %w", err)
}

// jsonReader reads the elements of lists.
type jsonReader struct {
	*facts
	context
	element               int
	hadRules, secondRules bool
	alike                 map[string]alikeRoute // by the text without the destination
}

// object finds out what an element is.
func (j *jsonReader) object(raw json.RawMessage) error {
	has := func(key string) bool { return bytes.Contains(raw, []byte(`"`+key+`":`)) }
	switch {
	case len(bytes.TrimSpace(raw)) <= 2:
		return nil
	case has("ifname") && (has("flags") || has("addr_info")):
		return j.link(raw)
	case has("priority") && has("src"):
		j.hadRules = true
		return j.rule(raw)
	case has("state") && has("dst"):
		return j.neighbour(raw)
	case has("id") && !has("dst"):
		return j.nextHop(raw)
	case has("dst"):
		return j.route(raw)
	}
	return errors.New("not understood")
}

// strict reads an object whose members are all known.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// text is a JSON string or number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}
