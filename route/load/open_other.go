//go:build !linux

package load

const largeFile = 0
