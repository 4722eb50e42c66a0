// Package report has the answers of routewhy as plain values: the names of devices and
// tables are resolved, reasons are codes with operands, and nothing is a sentence. The
// JSON form of these types is a contract: fields may be added, not renamed or removed.
//
// # How to use it
//
// [Ask] answers a [Question] about some destinations from a [route.Source]: it reads,
// looks up, and asks the kernel the same. The live kernel is such a source (package
// route/kernel), and so are files (package route/load). [ReadBatch] answers about many
// packets; [AskWhyNot], [AskUnlike] and [AskCauses] ask why; [NewTrial] tries commands.
// Each mode of the program has one struct here, and encoding/json makes its JSON.
//
// Printers need nothing else: a report that went through its JSON form prints the same
// text, to the byte. [Kinds] documents the findings.
package report
