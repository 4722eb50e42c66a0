package load

import (
	"bytes"
	"fmt"
	"strings"
)

// embedded is JSON inside a text: after a prompt, in a mail, between the outputs of
// other commands, or one object on each line.
type embedded struct {
	line   int // where it began
	b      bytes.Buffer
	depth  int
	quoted bool
	escape bool
}

// maxEmbedded is how many bytes of JSON may be embedded in one place.
const maxEmbedded = 64 << 20

// beginsJSON reports whether a line begins like a list or an object of ip -j.
func beginsJSON(s string) bool {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '[' && s[0] != '{' {
		return false
	}
	if s[0] == '[' {
		return s == "[" || isList([]byte(s)) && (strings.Contains(s, `"`) || strings.Trim(s, "[]{}, \t") == "")
	}
	return s == "{" || strings.HasPrefix(strings.TrimLeft(s[1:], " \t"), `"`)
}

// add takes a line, and reports whether the JSON is complete with it.
func (e *embedded) add(s string) bool {
	e.b.WriteString(s)
	e.b.WriteByte('\n')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case e.escape:
			e.escape = false
		case e.quoted && c == '\\':
			e.escape = true
		case c == '"':
			e.quoted = !e.quoted
		case e.quoted:
		case c == '[' || c == '{':
			e.depth++
		case c == ']' || c == '}':
			e.depth--
		}
	}
	return e.depth <= 0
}

// jsonLine takes a line of JSON.
func (t *lines) jsonLine(s string) error {
	if t.json == nil {
		t.settle()
		t.endColumns()
		t.oddTitles(t.titles)
		t.titles = nil
		t.json = &embedded{line: t.line}
	}
	whole := t.json.add(s)
	if !whole && t.json.b.Len() < maxEmbedded {
		return nil
	}
	e := t.json
	t.json = nil
	if !whole {
		return fmt.Errorf("JSON of more than %d MiB", maxEmbedded>>20)
	}
	if done, err := t.takeOutputs(e.b.Bytes()); done {
		return err
	}
	if t.skipped() {
		return nil
	}
	if t.objects == nil {
		t.objects = &jsonReader{facts: t.facts, l: t.l, file: t.file}
	}
	j := t.objects
	j.context, j.line = t.context, e.line
	err := j.read(&e.b)
	t.context.rules = j.context.rules
	t.known++
	t.spoke()
	return err
}
