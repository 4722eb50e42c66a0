//go:build !linux

package main

import "context"

// withinRoom does nothing here; it is for Linux only.
func withinRoom(ctx context.Context, _ *stdio) (context.Context, error) { return ctx, nil }

// startPoller does nothing here; it is for Linux only.
func startPoller() error { return nil }
