//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWriteFileEnds ends the program in the middle of a file, by each signal. Nothing
// of the new file must remain, and the previous file must still be there.
func TestWriteFileEnds(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			if signal.Ignored(sig) {
				t.Skip("the signal is ignored, as under nohup(1), and stays so")
			}
			dir := t.TempDir()
			name := filepath.Join(dir, "host.json")
			if err := os.WriteFile(name, []byte("before"), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, stop := interruptible(t.Context())
			defer stop()
			err := writeFile(ctx, name, 0o600, func(w io.Writer) error {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					t.Error(err)
				}
				if err := syscall.Kill(os.Getpid(), sig); err != nil {
					t.Error(err)
				}
				<-ctx.Done()
				_, err := w.Write(make([]byte, 1<<20))
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v; want that it was interrupted", err)
			}
			all, _ := os.ReadDir(dir)
			text, _ := os.ReadFile(name)
			if len(all) != 1 || string(text) != "before" {
				t.Errorf("%v are left, and %q", all, text)
			}
		})
	}
}

// TestWriteFilePipe interrupts the wait for somebody to read a pipe.
func TestWriteFilePipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel) // it waits by then, or ends all the same
	if err := writeFile(ctx, name, 0o600, func(io.Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if f, err := os.OpenFile(name, os.O_RDONLY, 0); err == nil { // lets it go on
		f.Close()
	}
}

func TestWriteFileLongName(t *testing.T) {
	name := filepath.Join(t.TempDir(), strings.Repeat("x", 255))
	if err := writeFile(t.Context(), name, 0o600, func(io.Writer) error { return nil }); err != nil {
		t.Error(err)
	}
}
