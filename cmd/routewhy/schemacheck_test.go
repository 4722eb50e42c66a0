package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/pflag"

	"routewhy/cmd/routewhy/internal/schema"
)

// schemaCheck passes on what is written, and keeps it.
type schemaCheck struct {
	io.Writer
	written bytes.Buffer
}

// mostChecked is how many bytes are checked. Larger outputs are tables with many routes
// that are alike.
const mostChecked = 4 << 20

func (c *schemaCheck) Write(b []byte) (int, error) {
	if c.written.Len() <= mostChecked {
		c.written.Write(b)
	}
	return c.Writer.Write(b)
}

// check compares the JSON that a command line printed with its schema, and the snapshot that
// it saved.
func (c *schemaCheck) check(args []string, status int) error {
	o := new(options)
	fs := o.flagSet(modes())
	if fs.Parse(joinedValues(args)) != nil {
		return nil
	}
	if o.save != "" && status < exitUsage {
		if err := checkSaved(o.save); err != nil {
			return err
		}
	}
	if !o.json || o.undo || o.script.given || c.written.Len() == 0 || c.written.Len() > mostChecked {
		return nil
	}
	return fits(outputName(o, fs), c.written.Bytes())
}

// outputName is the name of the schema of what a command line prints.
func outputName(o *options, fs *pflag.FlagSet) string {
	m, err := chooseMode(fs, modes())
	switch {
	case err != nil:
		return ""
	case m.flag == "" || o.history.at != "":
		return "answer"
	case o.history.who:
		return "who"
	case o.list:
		return "explain"
	}
	return m.flag
}

// fits reports whether a schema describes an output, and each member of it.
func fits(name string, out []byte) error {
	text, ok := schema.Of(name)
	if !ok {
		return fmt.Errorf("no schema of %q", name)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	closed(doc)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		return err
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		return err
	}
	in := json.NewDecoder(bytes.NewReader(out))
	in.UseNumber()
	for {
		var one any
		if err := in.Decode(&one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := compiled.Validate(one); err != nil {
			return fmt.Errorf("the schema of %s: %w", name, err)
		}
	}
}

// closed makes a schema refuse members that it does not describe. Published schemas allow
// them, because a later version may add some.
func closed(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			closed(x)
		}
	case []any:
		for _, x := range v {
			closed(x)
		}
	}
}

// checkSaved compares a snapshot with its schema.
func checkSaved(name string) error {
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil // such as a pipe
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	var in io.Reader = bytes.NewReader(b)
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		in, err = gzip.NewReader(in)
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		in, err = zstd.NewReader(in)
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(in, mostChecked+1))
	if err != nil || len(text) > mostChecked || len(text) == 0 {
		return err
	}
	return fits("snapshot", text)
}
