// Package check looks for what is wrong or surprising on a host, without any question about
// a packet. It is a catalogue of checks. Each check has an ID that never changes, a
// severity, and its documentation. A check finds nothing on a host that works. If a fact
// that it needs was not read, its result is unknown.
//
// The checks use what package lookup finds about packets and entries. A finding is a
// [lookup.Note] with its evidence.
package check
