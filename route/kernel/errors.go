package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// NamespaceError says why a network namespace could not be opened. Its cause
// may be fs.ErrNotExist or fs.ErrPermission (use errors.Is), or another error.
type NamespaceError struct {
	Name string
	Err  error
}

func (e *NamespaceError) Error() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("no network namespace %q", e.Name)
	case errors.Is(e.Err, fs.ErrPermission):
		if os.Geteuid() == 0 {
			return fmt.Sprintf("network namespace %q: permission denied; entering it needs CAP_SYS_ADMIN and CAP_SYS_PTRACE where it was made, which root has not here", e.Name)
		}
		return fmt.Sprintf("network namespace %q: permission denied; entering it needs root", e.Name)
	}
	return fmt.Sprintf("network namespace %q: %v", e.Name, e.Err)
}

func (e *NamespaceError) Unwrap() error { return e.Err }

var errNotNamespace = errors.New("is not a network namespace")
