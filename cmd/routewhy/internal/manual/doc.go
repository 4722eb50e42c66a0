// Package manual makes routewhy(8), in the language of mdoc(7), of the text of --help, the
// findings and the checks. What is only in the source, the meaning of codes and examples of
// what is printed, is in files that [Codes] and [Examples] make, as a test of the program
// checks.
package manual

import _ "embed"

//go:embed reading.mdoc
var reading string

//go:embed codes.mdoc
var codes string

//go:embed examples.mdoc
var examples string

// Made are the files that are made of the source: codes.mdoc and examples.mdoc.
func Made() (codesFile, examplesFile string) { return codes, examples }
