package load

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// The limits of an archive.
const (
	maxMembers = 1 << 20   // members that are looked at
	maxStream  = 16 << 30  // bytes of all members, most of which are skipped
	maxHeld    = 256 << 20 // bytes of the members that are read
)

// isTar reports whether a file is a tar archive, by the magic of its first header.
func isTar(r *bufio.Reader) bool {
	const at = 257
	head, _ := r.Peek(at + 5)
	return len(head) == at+5 && string(head[at:]) == "ustar"
}

// tar reads an archive. Nothing is unpacked: a member's name is only compared.
// A member that is not a regular file, such as a link, is left out.
func (l *loader) tar(r io.Reader) error {
	var sos sosReport
	var others []sosFile
	reports := map[string]bool{} // by the path before sos_commands
	held := int64(maxHeld)
	t := tar.NewReader(&budget{r, &l.archived, maxStream})
	for range maxMembers {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return l.members(&sos, others)
		}
		if err != nil {
			return fmt.Errorf("a damaged archive: %w", err)
		}
		name := path.Clean(h.Name)
		place, want := sosPlace(name)
		if at := strings.Index("/"+name, "/sos_commands/"); want && at >= 0 {
			if reports[name[:at]] = true; len(reports) > 1 {
				return errors.New("has several sosreports: unpack it, and name one of them")
			}
		}
		if h.Typeflag != tar.TypeReg || !want && (strings.Count(name, "/") > 1 || len(sos.files) > 0 || strings.HasPrefix(path.Base(name), ".")) {
			continue
		}
		body, err := readMember(&budget{t, &held, maxHeld}, h.Size)
		if held < 0 {
			return fmt.Errorf("has more than %d MiB of files that may be listings: unpack it, and name those that are", maxHeld>>20)
		}
		if err != nil {
			return fmt.Errorf("a damaged archive: %w", err)
		}
		if err := l.room.Take(body.size() + memberSize); err != nil {
			return err
		}
		if want {
			sos.add(place, name, body)
			others = nil
		} else {
			others = append(others, sosFile{path: name, body: body})
		}
	}
	return fmt.Errorf("has more than %d members", maxMembers)
}

// memberText is the bytes of a member, in pieces: a single slice would be in memory
// several times while it grows.
type memberText [][]byte

// readMember reads a member whose header gives the size. The memory grows with the
// bytes that are really there.
func readMember(r io.Reader, size int64) (memberText, error) {
	const most = 1 << 20
	var all memberText
	for {
		piece := make([]byte, max(min(size+1, most), 1)) // one byte more, so that the end is seen
		n, err := io.ReadFull(r, piece)
		if n > 0 {
			all = append(all, piece[:n:n])
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && int64(n) == size:
			return all, nil
		case err != nil:
			return nil, err
		}
		size -= int64(n)
	}
}

func (m memberText) size() int64 {
	var n int64
	for _, piece := range m {
		n += int64(len(piece))
	}
	return n
}

func (m memberText) reader() io.Reader {
	all := make([]io.Reader, len(m))
	for i := range m {
		all[i] = bytes.NewReader(m[i])
	}
	return io.MultiReader(all...)
}

// memberSize is how much memory a member of an archive takes besides its bytes.
const memberSize = 1024

// members reads the files of a sosreport, or else of a plain archive.
func (l *loader) members(sos *sosReport, others []sosFile) error {
	files := others
	if len(sos.files) > 0 {
		var err error
		if files, err = sos.of(l.netns); err != nil {
			return err
		}
		l.picked, l.report, sos.files = true, true, nil
	} else {
		namesFirst(files)
	}
	for i := range files {
		f := &files[i]
		if err := l.part(f.path, f.body.reader()); err != nil {
			return err
		}
		l.room.Give(f.body.size())
		f.body = nil
	}
	if l.listings == 0 && l.snap == nil {
		return errors.New("has no file that routewhy knows")
	}
	return nil
}

// part reads a file of an archive or a folder, which was not named itself. If it is of
// no known kind, that is only a fault.
func (l *loader) part(name string, r io.Reader) error {
	b := bufio.NewReader(r)
	if _, err := b.Peek(1); errors.Is(err, io.EOF) && l.emptyListing(name) {
		return nil
	}
	plain, err := decompress(b)
	if err == nil {
		defer plain.Close()
		err = l.content(name, bufio.NewReader(&budget{plain, &l.left, maxBytes}))
	}
	if err != nil && !l.overLimit(err) {
		l.fault(name, 0, err)
		err = nil
	}
	return err
}

// emptyListing takes an empty file as the output of the command that its name says,
// which had nothing to list. False: the name is not that of such a command.
func (l *loader) emptyListing(name string) bool {
	c := fileContext(name)
	if l.facts.setTable(&c) != nil {
		return false
	}
	l.facts.begin(name, 0, c.partial)
	if !l.facts.nothingListed(&c) {
		return false
	}
	if c.kind == kindRoutes {
		l.listings++
	}
	return true
}
