//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// belongsTo reports whether a file belongs to a user.
func belongsTo(info fs.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}
