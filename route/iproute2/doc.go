// Package iproute2 speaks the language of ip(8) in both directions: it reads and
// prints routes, policy rules, next-hop objects, devices, addresses and neighbours as
// the program lists them, and as it writes them with -j.
//
// What is read is by name: [Route] and its like have the words as they were written,
// and what is odd among them is an [Odd] with its place. Resolve finds the numbers of
// the names, once devices and tables are known, and checks the values. One table of
// keywords for each kind of object serves the parser and the printer; the JSON
// tags of the structs are the names of `ip -j`.
//
// In the other direction names of devices, tables and protocols come from the snapshot
// that the objects are of. They are data: [Safe] makes them fit for a terminal.
package iproute2
