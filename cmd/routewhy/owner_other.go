//go:build !unix

package main

import "io/fs"

// belongsTo reports whether a file belongs to a user, which is taken for granted where
// files do not tell.
func belongsTo(fs.FileInfo, int) bool { return true }
