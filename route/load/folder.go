package load

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// folder reads the files of an extracted sosreport, or of a plain folder.
func (l *loader) folder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names, err := l.folderFiles(root)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	before := l.listings
	for _, name := range names {
		if err := l.folderFile(root, dir, name); err != nil {
			return err
		}
	}
	if l.listings == before && l.snap == nil {
		return fmt.Errorf("%s: has no file that routewhy knows", dir)
	}
	return nil
}

// folderFile reads a file of a folder if it is a regular file: a pipe may never end.
func (l *loader) folderFile(root *os.Root, dir, name string) error {
	where := path.Join(dir, name)
	f, err := openQuick(root, name, fs.FileMode.IsRegular)
	if errors.Is(err, errOtherKind) {
		err = errors.New("is no regular file")
	}
	if err != nil {
		l.fault(where, 0, err)
		return nil
	}
	defer f.Close()
	return l.part(where, f)
}

// folderFiles are the files of a folder that are to be read. They are those of a
// sosreport, which may be in a folder inside, or else all files of the folder itself.
func (l *loader) folderFiles(root *os.Root) ([]string, error) {
	entries, err := folderEntries(root, ".")
	if err != nil {
		return nil, err
	}
	at := "."
	if !isFolder(root, "sos_commands") {
		switch reports := reportsIn(root, entries); len(reports) {
		case 0:
			return plainFiles(entries), nil
		case 1:
			at = reports[0]
		default:
			return nil, fmt.Errorf("has %d sosreports: name one of them", len(reports))
		}
	}
	var sos sosReport
	if err := sos.find(root, at); err != nil {
		return nil, err
	}
	files, err := sos.of(l.netns)
	if err != nil {
		return nil, err
	}
	l.picked, l.report = true, true
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	return names, nil
}

// find looks for the files of a report in a folder.
func (r *sosReport) find(root *os.Root, at string) error {
	for _, name := range sosFiles() {
		if m, ok := sosPlace(name); ok {
			if _, err := root.Stat(path.Join(at, name)); err == nil {
				r.add(m, path.Join(at, name), nil)
			}
		}
	}
	if err := r.findNamespaces(root, at, networking); err != nil {
		return err
	}
	own := path.Join(at, networking, "namespaces")
	if !isFolder(root, own) {
		return nil
	}
	folders, err := folderEntries(root, own)
	for _, e := range folders {
		if err == nil && isFolder(root, path.Join(own, e.Name())) {
			err = r.findNamespaces(root, at, path.Join(networking, "namespaces", e.Name()))
		}
	}
	return err
}

// findNamespaces looks for the files about other network namespaces in one folder.
func (r *sosReport) findNamespaces(root *os.Root, at, folder string) error {
	if !isFolder(root, path.Join(at, folder)) {
		return nil
	}
	entries, err := folderEntries(root, path.Join(at, folder))
	for _, e := range entries {
		if m, ok := sosPlace(path.Join(folder, e.Name())); ok && m.netns != "" {
			r.add(m, path.Join(at, folder, e.Name()), nil)
		}
	}
	return err
}

// reportsIn are the folders of a folder that have a sosreport in them.
func reportsIn(root *os.Root, entries []fs.DirEntry) []string {
	var out []string
	for _, e := range entries {
		if isFolder(root, path.Join(e.Name(), "sos_commands")) {
			out = append(out, e.Name())
		}
	}
	return out
}

// plainFiles are the files that lie in a folder itself.
func plainFiles(entries []fs.DirEntry) []string {
	var files []sosFile
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() && len(files) < maxMembers {
			files = append(files, sosFile{path: e.Name()})
		}
	}
	namesFirst(files)
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	return names
}

// namesFirst puts the files of names first: routes use the names of tables.
func namesFirst(files []sosFile) {
	slices.SortStableFunc(files, func(a, b sosFile) int {
		return cmp.Or(len(namesFile(b.path))-len(namesFile(a.path)), strings.Compare(a.path, b.path))
	})
}
