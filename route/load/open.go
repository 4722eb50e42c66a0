package load

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// errOtherKind: a file is not of the kind that was asked for.
var errOtherKind = errors.New("is of another kind")

// openQuick opens a file of a folder if it is of the wanted kind. The kind is checked
// before the file is opened, because just opening it can wait forever (a pipe) or do
// something (a device). It is checked again afterwards, in case the file was replaced.
func openQuick(root *os.Root, name string, kind func(fs.FileMode) bool) (*os.File, error) {
	info, err := root.Stat(name)
	if err == nil && !kind(info.Mode()) {
		err = errOtherKind
	}
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|largeFile, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !kind(info.Mode()) {
		err = errOtherKind
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isFolder reports whether an entry of a folder is a folder itself, or a link to one.
func isFolder(root *os.Root, name string) bool {
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}

// folderEntries are the entries of a folder in the order of their names.
func folderEntries(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := openQuick(root, dir, fs.FileMode.IsDir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}
