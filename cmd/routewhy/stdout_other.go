//go:build !linux

package main

import "context"

// checkStdout does nothing here; it is for Linux only.
func checkStdout() error { return nil }

// untilUnread is a context that ends with its parent.
func untilUnread(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}
