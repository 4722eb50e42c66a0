package main

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
	"routewhy/route/redact"
)

// saveOnly is what --save does if nothing else was asked for.
func saveOnly(ctx context.Context, o *options, s stdio) error {
	src, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	return src.Close()
}

// saveSnapshot writes everything that a source knows.
func saveSnapshot(ctx context.Context, o *options, src route.Source, s stdio) error {
	routes := new(route.List)
	w := route.Query{
		AllDevices: true, Sockets: route.Listening, Processes: true, Markers: true, Redirects: true, WireGuard: true,
		Each:  func(r *route.Route) error { routes.Add(r); return nil },
		Again: func() { routes = new(route.List) },
	}
	if o.verbose {
		w.Sockets = route.AllSockets
	}
	snap, err := src.Read(ctx, w)
	if err != nil {
		return err
	}
	if snap.Changed {
		fmt.Fprintln(s.Stderr, "routewhy: --save: the tables were changing while they were read, and the snapshot says so")
	}
	if o.redact != "" {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return err
		}
		m := redact.New(key)
		if o.redact == redactStrict {
			m = redact.NewStrict(key)
		}
		snap, routes = m.Snapshot(snap, routes)
	}
	if err := writeSnapshot(ctx, o.save, snap, routes, s.Stdout); err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	return nil
}

// writeSnapshot writes a snapshot to a file or to standard output. The file is
// compressed if its name says so. Only the file's owner may read it, because it tells
// who listens and with which program.
func writeSnapshot(ctx context.Context, name string, snap *route.Snapshot, routes *route.List, stdout io.Writer) error {
	if name == "-" {
		return snap.EncodeWith(stdout, routes)
	}
	mode := fs.FileMode(0o666)
	if len(snap.Sockets) > 0 {
		mode = 0o600
	}
	return writeFile(ctx, name, mode, func(w io.Writer) error {
		z := compressor(name, w)
		return errors.Join(snap.EncodeWith(z, routes), z.Close())
	})
}

// compressor chooses the compression by the end of a file's name.
func compressor(name string, w io.Writer) io.WriteCloser {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w)
	case strings.HasSuffix(name, ".zst"):
		z, _ := zstd.NewWriter(w) // fails only for bad options
		return z
	}
	return plain{w}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
