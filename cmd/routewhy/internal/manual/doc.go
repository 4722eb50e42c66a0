// Package manual makes routewhy(8), in the language mdoc(7), from the text of --help, the
// findings and the checks. Some parts are only in the source: the meaning of codes, and
// examples of what is printed. They are in files that [Codes] and [Examples] make. A test
// of the program checks these files.
package manual

import (
	_ "embed"
	"strings"
)

//go:embed begin.mdoc
var begin string

//go:embed reading.mdoc
var reading string

//go:embed operands.mdoc
var operands string

//go:embed codes.mdoc
var codes string

//go:embed examples.mdoc
var examples string

// Made are the files that are made from the source: codes.mdoc and examples.mdoc.
func Made() (codesFile, examplesFile string) { return codes, examples }

// GroupOf is the title of the list of the manual that has a code with a meaning; empty: none
// has it. Several lists may have the same code.
func GroupOf(code, meaning string) string {
	var entry writer
	entry.list([]Term{{code, meaning}})
	lines := strings.Split(entry.b.String(), "\n")
	before, _, found := strings.Cut(codes, strings.Join(lines[1:len(lines)-2], "\n")+"\n.")
	if !found {
		return ""
	}
	_, title, _ := strings.Cut(before[strings.LastIndex(before, ".Ss "):], " ")
	title, _, _ = strings.Cut(title, "\n")
	return title
}
