//go:build !linux

package main

// listener is a command for scripts that need Linux.
func listener() {}

// router is another.
func router() {}
