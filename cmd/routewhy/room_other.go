//go:build !linux

package main

import "context"

// withinRoom is for Linux.
func withinRoom(ctx context.Context, _ *stdio) (context.Context, error) { return ctx, nil }
