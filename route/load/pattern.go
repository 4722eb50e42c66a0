package load

import (
	"regexp"
	"sync"
)

// lazily compiles a pattern when it is first used. Most runs of the program read no
// files, and compiling all patterns would take as long as a tenth of such a run.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
