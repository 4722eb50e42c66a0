// Package schema has a JSON Schema (draft 2020-12) of each kind of output that routewhy
// writes with --json, and of a snapshot. They are in a file that a test of the program makes
// from the types of the reports and their comments.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed schemas.json
var made string

// Made is the file that is made from the source: all schemas, see [File].
func Made() string { return made }

// Draft is the version of JSON Schema.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// refPrefix is what the name of a definition has before it in a reference.
const refPrefix = "#/$defs/"

// File is all schemas. The definitions are shared.
type File struct {
	Outputs []Output                   `json:"outputs"`
	Defs    map[string]json.RawMessage `json:"$defs"`
}

// Output is a kind of output.
type Output struct {
	// Name is the mode's flag without its dashes. "answer" is the main job, "who" is
	// --history --who, and "snapshot" is a file of --save.
	Name string `json:"name"`
	// About says which output it is, in a sentence.
	About string `json:"about"`
	// Lines says that the output has an object on each line, and that the schema is that of
	// one line.
	Lines  bool            `json:"lines,omitempty"`
	Schema json.RawMessage `json:"schema"`
}

// Names are the names of all outputs.
func Names() []string {
	var names []string
	for _, o := range read().Outputs {
		names = append(names, o.Name)
	}
	return names
}

// Of is the schema of an output, with the definitions that it needs and no others. False:
// there is no such output.
func Of(name string) (string, bool) {
	f := read()
	i := slices.IndexFunc(f.Outputs, func(o Output) bool { return o.Name == name })
	if i < 0 {
		return "", false
	}
	out := f.Outputs[i]
	schema := map[string]any{"$schema": Draft, "title": "routewhy: " + name, "description": out.About, "$defs": f.needed(out.Schema)}
	root := map[string]any{}
	must(json.Unmarshal(out.Schema, &root))
	for k, v := range root {
		schema[k] = v
	}
	b, err := json.MarshalIndent(schema, "", "  ")
	must(err)
	return string(b) + "\n", true
}

// Lines reports whether the schema of an output is that of one line.
func Lines(name string) bool {
	return slices.ContainsFunc(read().Outputs, func(o Output) bool { return o.Name == name && o.Lines })
}

func read() *File {
	f := new(File)
	must(json.Unmarshal([]byte(made), f))
	return f
}

// must is for the embedded file, which a test has checked.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("schemas.json: %v", err))
	}
}

// needed are the definitions that a schema refers to, and those that they refer to.
func (f *File) needed(root json.RawMessage) map[string]json.RawMessage {
	found := map[string]json.RawMessage{}
	next := []json.RawMessage{root}
	for len(next) > 0 {
		text := string(next[0])
		next = next[1:]
		for {
			var ok bool
			if _, text, ok = strings.Cut(text, `"`+refPrefix); !ok {
				break
			}
			name, _, _ := strings.Cut(text, `"`)
			if found[name] == nil {
				found[name] = f.Defs[name]
				next = append(next, f.Defs[name])
			}
		}
	}
	return found
}
