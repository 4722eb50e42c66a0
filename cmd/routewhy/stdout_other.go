//go:build !linux

package main

// checkStdout does nothing here; it is for Linux only.
func checkStdout() error { return nil }
