package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
)

// maxBytes is how much is read in all, after decompression.
const maxBytes = 1 << 30

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Result is what was made of the files.
type Result struct {
	Snapshot *route.Snapshot
}

// Files reads files, of which [Stdin] is one, and makes one snapshot of them.
func Files(stdin io.Reader, names ...string) (*Result, error) {
	l := &loader{stdin: stdin, left: maxBytes}
	for _, name := range names {
		if err := l.file(name); err != nil {
			return nil, err
		}
	}
	return &Result{l.snap}, nil
}

// loader reads one file after the other.
type loader struct {
	stdin io.Reader
	left  int64
	snap  *route.Snapshot
}

// file reads one of the files that were named.
func (l *loader) file(name string) error {
	if name == Stdin {
		return l.stream("standard input", l.stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.stream(name, f)
}

// stream reads one file, compressed or not.
func (l *loader) stream(name string, r io.Reader) error {
	plain, err := decompress(bufio.NewReader(r))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer plain.Close()
	if err := l.content(bufio.NewReader(&budget{plain, &l.left})); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// content reads what a file has in it.
func (l *loader) content(r *bufio.Reader) error {
	s, err := route.Decode(r)
	l.snap = s
	return err
}

// decompress looks at the first bytes, which tell what a file is compressed by.
func decompress(r *bufio.Reader) (io.ReadCloser, error) {
	magic, _ := r.Peek(6)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxBytes), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("BZh")), bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return nil, errors.New("compressed by bzip2 or xz: unpack it first")
	case len(magic) == 0:
		return nil, errors.New("is empty")
	}
	return io.NopCloser(r), nil
}

// budget is a reader that fails once all files together have given too much.
type budget struct {
	r    io.Reader
	left *int64
}

func (b *budget) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, fmt.Errorf("has more than %d MiB", maxBytes>>20)
	}
	return n, err
}
