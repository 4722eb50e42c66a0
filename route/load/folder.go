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
	names, err := l.folderFiles(root.FS())
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

// folderFile reads one, unless it is no regular file: a pipe would never end.
func (l *loader) folderFile(root *os.Root, dir, name string) error {
	where := path.Join(dir, name)
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		l.fault(where, 0, err)
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		l.fault(where, 0, err)
		return nil
	}
	defer f.Close()
	return l.part(where, f)
}

// folderFiles are the files to read of a folder: those of a sosreport, which may
// lie in a folder of its own there, or all that lie in the folder itself.
func (l *loader) folderFiles(root fs.FS) ([]string, error) {
	reports, err := fs.Glob(root, "*/sos_commands")
	if err != nil {
		return nil, err
	}
	at := "."
	if info, err := fs.Stat(root, "sos_commands"); err != nil || !info.IsDir() {
		switch len(reports) {
		case 0:
			return plainFiles(root)
		case 1:
			at = path.Dir(reports[0])
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
	l.picked = true
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	return names, nil
}

// find looks for the files of a report in a folder.
func (r *sosReport) find(root fs.FS, at string) error {
	for _, name := range sosFiles() {
		if m, ok := sosPlace(name); ok && fs.ValidPath(path.Join(at, name)) {
			if _, err := fs.Stat(root, path.Join(at, name)); err == nil {
				r.add(m, path.Join(at, name), nil)
			}
		}
	}
	for _, pattern := range []string{networking + "ip_netns_exec_*", networking + "namespaces/*/ip_netns_exec_*"} {
		found, err := fs.Glob(root, path.Join(at, pattern))
		if err != nil {
			return err
		}
		for _, name := range found {
			if m, ok := sosPlace(strings.TrimPrefix(name, at+"/")); ok {
				r.add(m, name, nil)
			}
		}
	}
	return nil
}

// plainFiles are the files that lie in a folder itself.
func plainFiles(root fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(root, ".")
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
	return names, err
}

// namesFirst has tables named before routes name them.
func namesFirst(files []sosFile) {
	slices.SortStableFunc(files, func(a, b sosFile) int {
		return cmp.Or(len(namesFile(b.path))-len(namesFile(a.path)), strings.Compare(a.path, b.path))
	})
}
