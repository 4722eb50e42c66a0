// Package load makes a [route.Snapshot] out of files: what routewhy saved, and
// the listings of other programs that people send each other. What a file is
// is recognised by its content.
//
// A file is data from a stranger: what it may cost in memory and time is
// bounded, and nothing outside it is ever opened because of it.
package load
