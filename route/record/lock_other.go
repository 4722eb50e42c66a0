//go:build !linux

package record

import (
	"errors"
	"os"
)

// lock fails: records are written on Linux alone.
func lock(*os.File) error { return errors.ErrUnsupported }

// locked fails: whether a recorder runs is seen on Linux alone.
func locked(*os.File) (bool, error) { return false, errors.ErrUnsupported }

// hidesLocks reports that locks are not seen.
func hidesLocks(*os.File) bool { return true }

// syncFolder does nothing.
func syncFolder(string) error { return nil }
