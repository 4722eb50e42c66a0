package load

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// maxMembers is how many members of an archive or folder are looked at.
const maxMembers = 1 << 20

// sosFiles are what is read of a sosreport (sos/report/plugins/networking.py
// and kernel.py of sos 4), the best of each kind first.
func sosFiles() []string {
	return []string{
		"etc/iproute2/rt_tables", "etc/iproute2/rt_protos",
		"sos_commands/networking/ip_-d_address", "sos_commands/networking/ip_address", "sos_commands/networking/ip_-o_addr",
		"sos_commands/networking/ip_-s_-d_link", "sos_commands/networking/ip_link",
		"sos_commands/networking/ip_route_show_table_all", "sos_commands/networking/ip_-6_route_show_table_all",
		"sos_commands/networking/ip_-4_rule_list", "sos_commands/networking/ip_-4_rule",
		"sos_commands/networking/ip_-6_rule_list", "sos_commands/networking/ip_-6_rule",
		"sos_commands/networking/ip_-s_-s_neigh_show", "sos_commands/networking/ip_neigh_show",
		"sos_commands/kernel/sysctl_-a",
		"proc/net/route", "proc/net/ipv6_route",
	}
}

// wanted is the place of a member among the files of a sosreport; false: it is
// none of them. The report's own folder may come before.
func wanted(name string) (int, bool) {
	for i, want := range sosFiles() {
		if name == want || strings.HasSuffix(name, "/"+want) && !strings.Contains(strings.TrimSuffix(name, want), "sos_commands") {
			return i, true
		}
	}
	return 0, false
}

// isTar says whether a file is a tar archive, by the magic of its first header.
func isTar(r *bufio.Reader) bool {
	const at = 257
	head, _ := r.Peek(at + 5)
	return len(head) == at+5 && string(head[at:]) == "ustar"
}

// member is a file of an archive.
type member struct {
	name string
	body []byte
}

// tar reads an archive. Nothing is unpacked: a member's name is only compared.
func (l *loader) tar(r io.Reader) error {
	var sos, others []member
	t := tar.NewReader(r)
	for range maxMembers {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return l.members(sos, others)
		}
		if err != nil {
			return fmt.Errorf("a damaged archive: %w", err)
		}
		_, want := wanted(path.Clean(h.Name))
		if h.Typeflag != tar.TypeReg || !want && strings.Count(path.Clean(h.Name), "/") > 1 {
			continue
		}
		body, err := io.ReadAll(t)
		if err != nil {
			return fmt.Errorf("a damaged archive: %w", err)
		}
		if want {
			sos = append(sos, member{path.Clean(h.Name), body})
		} else {
			others = append(others, member{path.Clean(h.Name), body})
		}
	}
	return fmt.Errorf("has more than %d members", maxMembers)
}

// members reads the files of a sosreport, or else of a plain archive.
func (l *loader) members(sos, others []member) error {
	all := sos
	if len(sos) == 0 {
		all = others
	}
	slices.SortStableFunc(all, func(a, b member) int {
		i, _ := wanted(a.name)
		k, _ := wanted(b.name)
		if i != k {
			return i - k
		}
		return strings.Compare(a.name, b.name)
	})
	for _, m := range all {
		if err := l.part(m.name, bytes.NewReader(m.body)); err != nil {
			return err
		}
	}
	if l.listings == 0 && l.snap == nil {
		return errors.New("has no file that routewhy knows")
	}
	return nil
}

// part reads a file that was not named itself. That it is of no known kind is
// no more than a fault.
func (l *loader) part(name string, r io.Reader) error {
	plain, err := decompress(bufio.NewReader(r))
	if err == nil {
		defer plain.Close()
		err = l.content(name, bufio.NewReader(&budget{plain, &l.left}))
	}
	if err != nil && l.left >= 0 {
		l.fault(name, 0, err)
		err = nil
	}
	return err
}

// folder reads the files of an extracted sosreport, or of a plain folder.
func (l *loader) folder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names, err := folderFiles(root.FS())
	if err != nil {
		return err
	}
	before := l.listings
	for _, name := range names {
		f, err := root.Open(name)
		if err != nil {
			l.fault(path.Join(dir, name), 0, err)
			continue
		}
		err = l.part(name, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	if l.listings == before && l.snap == nil {
		return fmt.Errorf("%s: has no file that routewhy knows", dir)
	}
	return nil
}

// folderFiles are the files to read of a folder: those of a sosreport, or all
// that lie in the folder itself.
func folderFiles(root fs.FS) ([]string, error) {
	var sos []string
	for _, name := range sosFiles() {
		if info, err := fs.Stat(root, name); err == nil && info.Mode().IsRegular() {
			sos = append(sos, name)
		}
	}
	if info, err := fs.Stat(root, "sos_commands"); err == nil && info.IsDir() {
		return sos, nil
	}
	entries, err := fs.ReadDir(root, ".")
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() && len(names) < maxMembers {
			names = append(names, e.Name())
		}
	}
	// Tables have names before routes name them.
	slices.SortStableFunc(names, func(a, b string) int { return len(namesFile(b)) - len(namesFile(a)) })
	return names, err
}
