//go:build !unix

package record

import (
	"errors"
	"os"
)

// lock fails: records are written on Linux alone.
func lock(*os.File) error { return errors.ErrUnsupported }

// syncFolder does nothing.
func syncFolder(string) error { return nil }
