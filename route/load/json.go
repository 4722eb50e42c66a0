package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxElement is how many bytes one element of a JSON list may have.
	maxElement = 8 << 20
	// maxElements is how many elements of one file are read.
	maxElements = maxRoutes + maxOdd
	// maxInner is how many objects may be inside a route: a netlink message has room for
	// about 8000 next hops.
	maxInner = 1 << 15
)

// bounded is a reader that fails after it has given a number of bytes.
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

// jsonLists reads what `ip -j` prints: lists of objects. The members of an object tell
// what it is. There may be several lists one after the other, and text.
func (l *loader) jsonLists(name string, r *bufio.Reader) error {
	j := &jsonReader{facts: l.facts, l: l, context: fileContext(name), file: name}
	l.facts.begin(name, 0, j.partial)
	if err := l.facts.setTable(&j.context); err != nil {
		l.fault(name, 0, err)
	}
	for {
		in := &bounded{r, maxElement}
		d := json.NewDecoder(in)
		if err := j.list(d, in); err != nil {
			return err
		}
		r = bufio.NewReader(io.MultiReader(d.Buffered(), r))
		next, err := afterSpace(r)
		switch {
		case err != nil:
			return nil
		case next != '[':
			if err := l.text(name, r); !errors.Is(err, errUnknown) {
				return err
			}
			return nil
		}
	}
}

// afterSpace skips spaces. It gives the next character, which stays unread.
func afterSpace(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, r.UnreadByte()
		}
	}
}

// list reads one list.
func (j *jsonReader) list(d *json.Decoder, in *bounded) error {
	if err := delim(d, '['); err != nil {
		return jsonError(err)
	}
	if j.lists++; j.lists > 1 {
		j.begin(j.file, 0, j.partial)
	}
	j.context.rules = rulesSeen{}
	j.secondRules = j.secondRules || j.hadRules
	elements := 0
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return jsonError(err)
		}
		in.left = maxElement
		elements++
		if err := j.one(raw); err != nil {
			return err
		}
		if j.routes.Len() > maxRoutes {
			return fmt.Errorf("more than %d routes", maxRoutes)
		}
	}
	if elements == 0 {
		j.nothingListed(&j.context)
	}
	if _, err := d.Token(); err != nil {
		return jsonError(err)
	}
	return nil
}

// read reads lists and objects out of a text.
func (j *jsonReader) read(r io.Reader) error {
	in := &bounded{r, maxElement}
	d := json.NewDecoder(in)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			return nil
		} else if err != nil {
			return jsonError(err)
		}
		in.left = maxElement
		if raw[0] == '[' {
			inner := &bounded{bytes.NewReader(raw), maxElement}
			if err := j.list(json.NewDecoder(inner), inner); err != nil {
				return err
			}
			continue
		}
		if err := j.one(raw); err != nil {
			return err
		}
	}
}

// one reads an element. An element that is not understood is a fault. The error says
// that there is too much.
func (j *jsonReader) one(raw json.RawMessage) error {
	if j.element++; j.element > maxElements {
		return fmt.Errorf("has more than %d elements", maxElements)
	}
	if err := j.l.fits(raw); err != nil {
		return err
	}
	if len(raw) > maxInner && bytes.Count(raw, []byte(`{`)) > maxInner && member(raw, "dst") {
		return fmt.Errorf("element %d is a route with more next hops than one may have", j.element)
	}
	before := j.routes.Len()
	if err := j.object(raw); err != nil {
		j.l.fault(j.file, j.line, fmt.Errorf("element %d: %w", j.element, err))
		j.odd++
		j.oddRoutes += j.routes.Len() - before
		if limit := exceeded(j.odd, j.oddRoutes); limit != 0 {
			return fmt.Errorf("has more than %d elements that are not understood: give the listings alone", limit)
		}
	}
	return j.l.account()
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
	l                     *loader
	file                  string
	line                  int // where the JSON begins, in a text
	lists                 int
	element               int
	odd, oddRoutes        int // elements that were not understood, and the routes that they gave all the same
	hadRules, secondRules bool
	alike                 map[string]alikeRoute // by the route's text without its destination
}

// object finds out what an element is, and reads it.
func (j *jsonReader) object(raw json.RawMessage) error {
	has := func(key string) bool { return member(raw, key) }
	switch {
	case len(bytes.TrimSpace(raw)) <= 2:
		return nil
	case has("ifname") && (has("flags") || has("addr_info")):
		return j.link(raw)
	case has("priority") && has("src"):
		j.hadRules = true
		return j.rule(raw)
	case has("dst") && (has("state") || has("lladdr") || j.context.kind == kindNeighbours):
		return j.neighbour(raw)
	case has("id") && !has("dst"):
		return j.nextHop(raw)
	case has("dst"):
		if j.context.answers || has("uid") || has("cache") {
			return nil // what `ip route get` answers
		}
		return j.route(raw)
	}
	return errors.New("not understood")
}

// member reports whether an object has a member. Members of inner objects count too.
func member(raw []byte, key string) bool {
	quoted := []byte(`"` + key + `"`)
	for rest := raw; ; {
		_, after, ok := bytes.Cut(rest, quoted)
		if !ok {
			return false
		}
		if bytes.HasPrefix(bytes.TrimLeft(after, " \t\r\n"), []byte(":")) {
			return true
		}
		rest = after
	}
}
