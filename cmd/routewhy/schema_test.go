package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"routewhy/cmd/routewhy/internal/schema"
	"routewhy/lookup/report"
	"routewhy/route"
)

// output is a kind of output, and the types of its JSON.
type output struct {
	schema.Output
	array bool
	types []reflect.Type // one of them
}

func outputs() []output {
	array := func(name, about string, types ...reflect.Type) output {
		return output{schema.Output{Name: name, About: about}, true, types}
	}
	object := func(name, about string, types ...reflect.Type) output {
		return output{schema.Output{Name: name, About: about}, false, types}
	}
	lines := func(name, about string, types ...reflect.Type) output {
		return output{schema.Output{Name: name, About: "A line of " + about, Lines: true}, false, types}
	}
	return []output{
		array("answer", "What routewhy DESTINATION... --json prints: an answer for each destination. A prefix and a bare 0.0.0.0 have their own kinds of answers.",
			reflect.TypeFor[report.Explanation](), reflect.TypeFor[report.Prefix](), reflect.TypeFor[report.Zero]()),
		array("why-not", "What --why-not prints: an answer for each destination.", reflect.TypeFor[report.WhyNot]()),
		array("unlike", "What --unlike prints: one answer.", reflect.TypeFor[report.Unlike]()),
		array("errno", "What --errno prints: an answer for each destination.", reflect.TypeFor[report.Causes]()),
		object("try", "What --try prints.", reflect.TypeFor[report.Try]()),
		array("check", "What --check prints: the findings.", reflect.TypeFor[report.CheckFinding]()),
		array("explain", "What --explain and --check --list print: entries of the catalogue.", reflect.TypeFor[report.CheckEntry]()),
		lines("expect", "what --expect prints, about an expectation on a host.", reflect.TypeFor[report.Expected]()),
		lines("watch", "what --watch prints, an answer or a change of one.", reflect.TypeFor[report.Turn]()),
		lines("history", "what --history prints without --at and --who, a change of an answer.", reflect.TypeFor[report.Turn]()),
		lines("who", "what --history --who prints, about a process.", reflect.TypeFor[report.Asker]()),
		lines("batch", "what --batch prints, a decision or a line that is not understood.",
			reflect.TypeFor[report.Explanation](), reflect.TypeFor[report.LineFault]()),
		object("dump", "What --dump prints.", reflect.TypeFor[report.Dump]()),
		object("sockets", "What --sockets prints.", reflect.TypeFor[report.Listeners]()),
		array("coverage", "What --coverage prints: an answer for each family.", reflect.TypeFor[report.Coverage]()),
		array("diff", "What --diff prints: one answer.", reflect.TypeFor[report.Diff]()),
	}
}

// schema is the schema of the output, without the definitions that it refers to.
func (o *output) schema(m *schemaMaker) node {
	var all []node
	for _, typ := range o.types {
		all = append(all, m.of(typ))
	}
	one := all[0]
	if len(all) > 1 {
		one = node{"anyOf": all}
	}
	if o.array {
		return node{"type": "array", "items": one}
	}
	return one
}

// snapshotOutput is the schema of a snapshot's file.
func snapshotOutput(m *schemaMaker) output {
	m.allOptional = true
	defer func() { m.allOptional = false }()
	members := node{route.FormatKey: node{"const": route.FormatVersion, "description": "the version of the format"}}
	for _, member := range route.Members() {
		one := m.of(member.Type)
		if member.Type == reflect.TypeFor[[]route.Route]() {
			one["items"] = node{"anyOf": []any{one["items"], node{
				"type": "string", "description": "The destination of a route that is otherwise the same as the one before it.",
			}}}
		}
		members[member.Name] = one
	}
	raw, _ := json.Marshal(node{"type": "object", "properties": members, "required": []string{route.FormatKey}, "additionalProperties": false})
	return output{Output: schema.Output{
		Name: "snapshot", About: "A file of --save. A member that is left out is zero, except that suppress_prefixlen, suppress_ifgroup and peer_netns are then -1.",
		Schema: raw,
	}}
}

// schemas is the file of all schemas, as the source has it.
func schemas(t *testing.T) string {
	m := newSchemaMaker(t)
	f := schema.File{Defs: map[string]json.RawMessage{}}
	for _, o := range outputs() {
		o.Schema = encoded(t, o.schema(m))
		f.Outputs = append(f.Outputs, o.Output)
	}
	f.Outputs = append(f.Outputs, snapshotOutput(m).Output)
	for name, def := range m.defs {
		f.Defs[name] = encoded(t, def)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, encoded(t, f), "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func encoded(t *testing.T, v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// TestManualSchemas checks that the schemas are up to date, and that each mode that has JSON
// has one. With UPDATE=1 in the environment, it writes them again.
func TestManualSchemas(t *testing.T) {
	want := schemas(t)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("internal/schema/schemas.json", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != schema.Made() {
		t.Fatal("the schemas are stale: UPDATE=1 go test ./cmd/routewhy -run TestManual")
	}
	for _, m := range modes() {
		if m.flag != "" && slices.Contains(m.flags, "json") && !slices.Contains(schema.Names(), m.flag) {
			t.Errorf("no schema of --%s", m.flag)
		}
	}
}
