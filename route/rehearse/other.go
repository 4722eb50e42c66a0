//go:build !linux

package rehearse

import (
	"context"

	"routewhy/lookup/change"
)

// Do says that only Linux can.
func Do(context.Context, *change.State, []Command) Result {
	return Result{Why: "it takes Linux"}
}

// Second reports that this process is no second one.
func Second() bool { return false }
