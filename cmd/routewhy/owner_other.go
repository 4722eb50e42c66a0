//go:build !unix

package main

import "io/fs"

// belongsTo reports whether a file belongs to a user. It is always true on systems
// where files do not tell their owner.
func belongsTo(fs.FileInfo, int) bool { return true }
