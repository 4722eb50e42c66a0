package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/redact"
)

// saveOnly is what --save does where nothing else was asked for.
func saveOnly(ctx context.Context, o *options, s stdio) error {
	src, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	return src.Close()
}

// saveSnapshot writes all that a source knows.
func saveSnapshot(ctx context.Context, o *options, src source, s stdio) error {
	routes := new(route.List)
	w := kernel.Want{
		AllDevices: true, Sockets: kernel.Listening, Processes: true,
		Each:  func(r *route.Route) error { routes.Add(r); return nil },
		Again: func() { routes = new(route.List) },
	}
	if o.verbose {
		w.Sockets = kernel.AllSockets
	}
	snap, err := src.Read(ctx, w)
	if err != nil {
		return err
	}
	if o.redact {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return err
		}
		m := redact.New(key)
		snap, routes = m.Snapshot(snap), m.Routes(routes)
	}
	if err := writeSnapshot(o.save, snap, routes, s.Stdout); err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	return nil
}

// writeSnapshot writes a snapshot to a file, compressed where its name says so,
// or to standard output.
func writeSnapshot(name string, snap *route.Snapshot, routes *route.List, stdout io.Writer) error {
	if name == "-" {
		return snap.EncodeWith(stdout, routes)
	}
	return replaceFile(name, func(w io.Writer) error {
		z := compressor(name, w)
		return errors.Join(snap.EncodeWith(z, routes), z.Close())
	})
}

// compressor compresses by what a file's name ends in.
func compressor(name string, w io.Writer) io.WriteCloser {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w)
	case strings.HasSuffix(name, ".zst"):
		z, _ := zstd.NewWriter(w) // fails for bad options alone
		return z
	}
	return plain{w}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// replaceFile writes a file whole or not at all: under another name first. What
// is there and no regular file, such as a pipe, is written to as it is.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	old, err := os.Stat(name)
	if err == nil && !old.Mode().IsRegular() {
		return overwrite(name, write)
	}
	mode := fs.FileMode(0o644)
	if err == nil {
		mode = old.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(buffered(f, write), f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func overwrite(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(buffered(f, write), f.Close())
}

func buffered(f io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
