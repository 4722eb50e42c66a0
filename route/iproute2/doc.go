// Package iproute2 reads and writes the language of ip(8): routes, policy rules, next-hop
// objects, devices, addresses and neighbours as the program lists them, and as it writes
// them with -j.
//
// Objects that were read have names, not numbers: [Route] and similar types have the words
// as they were written. A word that is not understood becomes an [Odd] with its place.
// When devices and tables are known, Resolve finds the numbers of the names and checks
// the values. For each kind of object, the parser and the printer use the same table of
// keywords. The JSON tags of the structs are the names of `ip -j`.
//
// For writing, the names of devices, tables and protocols come from the snapshot that the
// objects belong to. Names are data from outside: [Safe] makes them safe for a terminal.
package iproute2
