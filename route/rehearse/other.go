//go:build !linux

package rehearse

import (
	"context"

	"routewhy/lookup/change"
)

// Do returns a Result that says that only Linux can rehearse.
func Do(context.Context, *change.State, []Command) Result {
	return Result{Why: "it takes Linux"}
}

// Second always reports that this process is not a second process.
func Second() bool { return false }
