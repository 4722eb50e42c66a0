package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// Programs that run commands elsewhere, and those that keep logs, write what a command printed as
// a text in JSON: Ansible, Docker, systemd's journal.

// maxOutputDepth is how deep in the JSON such a text may be.
const maxOutputDepth = 32

// outputs are the lines of the texts in a JSON value that commands printed. Before those of each
// command there is a line with the command.
func outputs(raw []byte) (all []string, severalHosts bool) {
	o := &output{d: json.NewDecoder(bytes.NewReader(raw)), hosts: map[string]bool{}}
	if o.value("", 0) != nil {
		return nil, false
	}
	return o.lines, len(o.hosts) > 1
}

// output reads the texts out of JSON.
type output struct {
	d       *json.Decoder
	command string // that of the object which is being read
	printed bool   // this object has its text
	lines   []string
	hosts   map[string]bool // on which Ansible ran commands
}

// value reads a value, which is that of a member or of a list that is one.
func (o *output) value(member string, depth int) error {
	tok, err := o.d.Token()
	switch {
	case err != nil:
		return err
	case depth > maxOutputDepth:
		return errLine
	}
	switch tok := tok.(type) {
	case json.Delim:
		return o.inside(tok, member, depth)
	case string:
		o.text(member, tok)
	}
	return nil
}

// inside reads an object or a list.
func (o *output) inside(begin json.Delim, member string, depth int) error {
	outer := *o
	if begin == '{' {
		o.command, o.printed = "", false
	}
	for o.d.More() {
		key := member
		if begin == '{' {
			tok, err := o.d.Token()
			if err != nil {
				return err
			}
			if key, _ = tok.(string); member == "hosts" {
				o.hosts[key] = true
			}
		}
		if err := o.value(key, depth+1); err != nil {
			return err
		}
	}
	if begin == '{' {
		o.command, o.printed = outer.command, outer.printed
	}
	_, err := o.d.Token()
	return err
}

// text takes a text if its member is one that has what a command printed, or the command.
func (o *output) text(member, s string) {
	member = member[strings.LastIndexByte(member, '.')+1:] // "result.stdout_lines"
	switch member {
	case "cmd", "command":
		o.command = strings.TrimSpace(o.command + " " + s)
		return
	case "stdout", "stdout_lines":
		if member == "stdout_lines" && o.printed {
			return
		}
		o.printed = member == "stdout"
		if o.command != "" {
			o.lines = append(o.lines, "$ "+strings.ReplaceAll(o.command, "\n", " "))
			o.command = ""
		}
	case "log", "msg", "message", "MESSAGE", "output", "line":
	default:
		return
	}
	o.lines = append(o.lines, strings.Split(strings.TrimSuffix(s, "\n"), "\n")...)
}

// ansibleObject matches the host that Ansible names before JSON.
var ansibleObject = lazily(`^(?:([\w.-]+) \| [A-Z]+!?|(?:ok|changed|fatal|failed): \[([\w.-]+)\](?:: [A-Z]+!)?) => (\{.*)$`)

// ansibleLine takes the first line of what Ansible says of a host, and reports whether it is one.
func (t *lines) ansibleLine(s string) (bool, error) {
	if !strings.Contains(s, " => {") {
		return false, nil
	}
	m := ansibleObject().FindStringSubmatch(s)
	if m == nil {
		return false, nil
	}
	t.settle()
	c := t.base
	c.host = m[1] + m[2]
	if err := t.enter(c); err != nil {
		return true, err
	}
	return true, t.jsonLine(m[3])
}

// takeOutputs reads the lines that commands printed, and reports whether the JSON has any.
func (t *lines) takeOutputs(raw []byte) (bool, error) {
	tok, err := json.NewDecoder(bytes.NewReader(raw)).Token()
	if err != nil || tok != json.Delim('{') {
		return false, nil
	}
	all, several := outputs(raw)
	if several {
		t.passed = "what Ansible printed on several hosts: give that of one"
		return true, errors.New(t.passed)
	}
	var first error
	base := t.base
	t.base.host, t.base.netns = t.context.host, t.context.netns
	defer func() { t.base = base }()
	for _, s := range all {
		if err := t.physical(s); err != nil && first == nil {
			first = err
		}
	}
	return len(all) > 0, first
}

// hasOutput reports whether JSON begins like one with a text that a command printed.
func hasOutput(start []byte) bool {
	for _, key := range []string{"stdout", "stdout_lines", "log", "msg", "message", "MESSAGE", "output", "line", "plays"} {
		if member(start, key) {
			return true
		}
	}
	return false
}
