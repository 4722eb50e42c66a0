// Package check looks for what is wrong or surprising on a host, whatever is asked about:
// a catalogue of checks, each with an ID that never changes, a severity, and its
// documentation. A check is quiet on a host that works; what it needs and was not read makes
// it unknown.
//
// The checks reuse what package lookup finds about packets and entries: a finding is a
// [lookup.Note] with its evidence.
package check
