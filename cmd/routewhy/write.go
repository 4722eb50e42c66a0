package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// writeFile writes a file whole or not at all: it first writes another file beside it. A
// new file gets the mode, less the umask. A file that exists and belongs to the caller
// keeps its mode. If the name is of something that is not a regular file, such as a
// pipe, that is opened and written to. The same is done for an open file of this process
// (/dev/stdout). A symbolic link is replaced and not followed if it leads to a file, or
// if another user, except root, made it, because in a folder that others write to, it
// may lead anywhere.
func writeFile(ctx context.Context, name string, mode fs.FileMode, write func(io.Writer) error) error {
	if isOpenFile(name) {
		return overwrite(ctx, name, true, write)
	}
	old, err := os.Lstat(name)
	if err == nil && (old.Mode()&fs.ModeSymlink == 0 || belongsTo(old, 0) || belongsTo(old, os.Geteuid())) {
		if target, err := os.Stat(name); err == nil && !target.Mode().IsRegular() {
			return overwrite(ctx, name, false, write)
		}
	}
	keep := err == nil && old.Mode().IsRegular() && belongsTo(old, os.Geteuid())
	if keep {
		mode = old.Mode().Perm()
	}
	f, err := createBeside(name, mode)
	if err != nil {
		return named(err, name)
	}
	defer context.AfterFunc(ctx, func() { _ = os.Remove(f.Name()) })()
	err = buffered(untilDone{ctx, f}, write)
	if keep {
		err = errors.Join(err, f.Chmod(mode)) // the umask is only for new files
	}
	if err = errors.Join(err, f.Close(), ctx.Err()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return named(err, name)
}

// named is an error about a file, with the name that the user gave.
func named(err error, name string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = name
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		return &fs.PathError{Op: e.Op, Path: name, Err: e.Err}
	}
	return err
}

// isOpenFile reports whether a name means an open file of a process (proc(5),
// /proc/pid/fd). No other file can be made beside such a file.
func isOpenFile(name string) bool {
	full, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	return full == "/dev/stdout" || full == "/dev/stderr" || strings.HasPrefix(full, "/dev/fd/") || strings.HasPrefix(full, "/proc/")
}

// createBeside makes a new file in the folder of another file.
func createBeside(name string, mode fs.FileMode) (*os.File, error) {
	base := filepath.Base(name)
	base = base[:min(len(base), 200)] // a name has 255 bytes at most
	for {
		fresh := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%08x", base, rand.Uint32()))
		f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// overwrite writes to what exists, as any program would. It is opened only once. If it
// is a regular file after opening, and none was expected, then that file took the
// place of the other one in the meantime. A pipe may have no reader at its other end,
// so overwrite does not wait longer than the context.
func overwrite(ctx context.Context, name string, regular bool, write func(io.Writer) error) error {
	done := make(chan error, 1)
	go func() {
		// With O_CREATE the kernel refuses another user's pipe in a folder like /tmp
		// (fs.protected_fifos in proc_sys_fs(5)).
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			done <- err
			return
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() && !regular {
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("it was replaced by another file meanwhile")}
		}
		if err == nil {
			err = buffered(untilDone{ctx, f}, write)
		}
		done <- errors.Join(err, f.Close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func buffered(f io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// untilDone is a writer that fails after the end of a context.
type untilDone struct {
	ctx context.Context
	io.Writer
}

func (w untilDone) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}
