// Package iproute2 speaks the languages of the iproute2 programs: routes and
// policy rules as ip-route(8) and ip-rule(8) write them on a line, and as
// `ip -j` writes them as JSON.
//
// Names of devices, tables and protocols come from the snapshot that the
// objects are of. They are data: [Safe] makes them fit for a terminal.
package iproute2
