// Package report has the answers of routewhy as plain values: the names of devices and
// tables are resolved, reasons are codes with operands, and nothing is a sentence. The
// JSON form of these types is a contract: fields may be added, not renamed or removed.
//
// Whoever prints an answer, as text or otherwise, needs nothing beside it: what comes
// out of its JSON form prints the same, to the byte.
//
// [Ask] answers a [Question] about some destinations from a [route.Source]: it reads,
// looks up, and has the kernel answer the same. [ReadBatch] does so for many packets.
package report
