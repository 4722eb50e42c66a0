package load

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
)

// maxBytes is how much is read in all, after decompression.
const maxBytes = 1 << 30

// maxFaults is how many faults are kept; the others are counted.
const maxFaults = 20

// Stdin is the name that stands for standard input.
const Stdin = "-"

// Result is what was read from the files.
type Result struct {
	// Snapshot has no routes of its own: they are in Routes.
	Snapshot *route.Snapshot
	Routes   *route.List
	// Faults are the first of the places that were not understood.
	Faults []Fault
	// MoreFaults is how many more places were not understood.
	MoreFaults int
	// PassedOver are the network namespaces whose listings are in texts but were not
	// read, because another one was asked for, or none. They are in alphabetical order.
	PassedOver []string
	// OtherHosts says that containers or other hosts are among these: their names are the
	// words of the command that entered them, or the host's name in the prompt.
	OtherHosts bool

	names []string // of the files
	limit int64    // of memory, in bytes
	zone  *time.Location
}

// Fault is a place in a file that was not understood. What it says is not in the
// snapshot.
type Fault struct {
	File string
	Line int // zero: Err says where it is
	Err  error
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %v", f.File, f.Err)
	}
	return fmt.Sprintf("%s:%d: %v", f.File, f.Line, f.Err)
}

func (f Fault) Unwrap() error { return f.Err }

// Files reads files and folders, and makes one snapshot of what they say together.
// The name [Stdin] means standard input.
func Files(stdin io.Reader, names ...string) (*Result, error) { return Namespace(stdin, "", names...) }

// Namespace reads what the files say about one network namespace. Files such as a
// sosreport may tell about several. The empty name means the host's own namespace. The
// error is a [NamespaceError] if there is no namespace of that name.
func Namespace(stdin io.Reader, netns string, names ...string) (*Result, error) {
	return Within(DefaultLimit, stdin, netns, names...)
}

// DefaultLimit is about how many bytes of memory the content of the files may take
// by default. It is many times what a router with all routes of the Internet needs.
const DefaultLimit = 512 << 20

// Within is Namespace with another limit on the memory that the content of the files
// may take. The error is a [route.LimitError] if the files have more.
func Within(limit int64, stdin io.Reader, netns string, names ...string) (*Result, error) {
	var again bytes.Buffer
	if stdin != nil {
		stdin = io.TeeReader(stdin, &capped{&again})
	}
	r, only, err := within(limit, stdin, netns, names...)
	if only != "" && again.Len() < maxAgain { // one container or host, and no other
		r, _, err = within(limit, &again, only, names...)
	}
	return r, err
}

// maxAgain is how much of standard input is kept so that it can be read again.
const maxAgain = 1 << 20

// capped keeps the first part of what is written.
type capped struct{ *bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.Len() < maxAgain {
		_, _ = c.Buffer.Write(p[:min(len(p), maxAgain-c.Len())])
	}
	return len(p), nil
}

// within reads files. If they tell of nothing but one container or other host, only is that
// place, and err is [errElsewhere].
func within(limit int64, stdin io.Reader, netns string, names ...string) (result *Result, only string, err error) {
	l := &loader{stdin: stdin, netns: netns, left: maxBytes, archived: maxStream, facts: newFacts(), room: route.NewAllowance(limit), limit: limit, work: limit}
	for _, name := range names {
		if err := l.named(name); err != nil {
			if errors.Is(err, errElsewhere) && l.hosts && len(l.passedOver) == 1 {
				only = slices.Collect(maps.Keys(l.passedOver))[0]
			}
			return nil, only, err
		}
		if err := l.account(); err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
	}
	r := &Result{l.snap, l.routes, l.faults, l.moreFaults, slices.Sorted(maps.Keys(l.passedOver)), l.hosts, names, limit, time.UTC}
	switch {
	case netns != "" && !l.picked:
		return nil, "", &NamespaceError{netns, r.PassedOver}
	case l.snap != nil && l.listings > 0:
		return nil, "", fmt.Errorf("%s is a snapshot, which is whole: %s does not go with it", l.snapName, l.listed)
	case l.snap == nil:
		r.Snapshot, r.Routes = l.facts.snapshot(), &l.facts.routes
	}
	r.Faults = append(r.Faults, l.facts.choices...)
	if n := len(r.Faults) + r.MoreFaults; n > 0 {
		r.Snapshot.Gaps = append(r.Snapshot.Gaps, route.Gap{Fact: route.FactOddLines, Assumed: true, Why: oddLines(n)})
	}
	return r, "", nil
}

// loader reads one file after the other.
type loader struct {
	stdin      io.Reader
	netns      string // which namespace; empty: the host's own
	picked     bool   // that namespace was found
	report     bool   // the files of a report that are about that namespace are being read
	left       int64  // bytes that may be read
	room       *route.Allowance
	limit      int64           // of room, in bytes
	work       int64           // what may still be read of texts: see toil
	odd        int             // how many lines toil has counted that were not understood
	taken      int64           // how much of room the facts have taken
	archived   int64           // bytes of archives that may still be read or skipped
	snap       *route.Snapshot // of a snapshot file
	routes     *route.List     // its routes
	facts      *facts          // from all other files
	snapName   string          // the snapshot file
	listings   int
	listed     string          // the first file that is no snapshot
	passedOver map[string]bool // namespaces: see Result.PassedOver
	host       string          // the first that a prompt names
	hosts      bool            // see Result.OtherHosts
	faults     []Fault
	moreFaults int
	long       int64 // bytes of long lines from which nothing is kept yet
}

func (l *loader) fault(file string, line int, err error) {
	if len(l.faults) == maxFaults {
		l.moreFaults++
		return
	}
	l.faults = append(l.faults, Fault{file, line, err})
}

// named reads one of the files or folders that the caller named.
func (l *loader) named(name string) error {
	if name == Stdin {
		return l.stream("standard input", l.stdin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return l.folder(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.stream(name, f)
}

// stream reads one file. It may be compressed, and it may be an archive.
func (l *loader) stream(name string, r io.Reader) error {
	plain, err := decompress(bufio.NewReader(r))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer plain.Close()
	b := bufio.NewReader(plain)
	if isTar(b) {
		err = l.tar(b)
	} else {
		err = l.content(name, bufio.NewReader(&budget{b, &l.left, maxBytes}))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// saveMagic is how files of `ip route save` begin (ip/iproute.c).
const saveMagic = 0x45311224

// content finds out what a file is, and reads it.
func (l *loader) content(name string, r *bufio.Reader) error {
	r = plainText(r)
	head, err := r.Peek(4096)
	start := bytes.TrimLeft(head, " \t\r\n\ufeff")
	switch {
	case len(head) == 0 && !errors.Is(err, io.EOF):
		return cutOff(err)
	case len(head) == 0:
		return errors.New("is empty")
	case len(head) >= 4 && binary.BigEndian.Uint32(head) == saveMagic && binary.NativeEndian.Uint32(head) != saveMagic,
		len(head) >= 4 && binary.LittleEndian.Uint32(head) == saveMagic && binary.NativeEndian.Uint32(head) != saveMagic:
		return errors.New("is what `ip route save` wrote on a machine of the other byte order: `ip route show table all` there can be read here")
	case len(head) >= 4 && binary.NativeEndian.Uint32(head) == saveMagic:
		l.listing(name)
		return l.saved(name, r)
	case isObject(start):
		return l.object(name, r, start)
	}
	l.listing(name)
	if isList(start) {
		return l.jsonLists(name, r)
	}
	return l.text(name, r)
}

// listing counts a file that is no snapshot.
func (l *loader) listing(name string) {
	if l.listings++; l.listings == 1 {
		l.listed = name
	}
}

// passes notes a namespace whose listing is not read.
func (l *loader) passes(netns string) {
	if l.passedOver == nil {
		l.passedOver = map[string]bool{}
	}
	if len(l.passedOver) < maxFaults {
		l.passedOver[netns] = true
	}
}

// cutOff says in words that a file is not whole.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle")
	}
	return err
}

// isList reports whether a file begins like a JSON list, and not like a prompt.
func isList(start []byte) bool {
	rest, ok := bytes.CutPrefix(start, []byte("["))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && (len(rest) == 0 || rest[0] == '{' || rest[0] == ']')
}

// isObject reports whether a file begins like a JSON object, and not like a word in braces.
func isObject(start []byte) bool {
	rest, ok := bytes.CutPrefix(start, []byte("{"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && (len(rest) == 0 || rest[0] == '"' || rest[0] == '}')
}

// object reads a file that is one JSON object: a snapshot, or what --dump --json
// writes.
func (l *loader) object(name string, r *bufio.Reader, start []byte) error {
	d := json.NewDecoder(bytes.NewReader(start))
	_, _ = d.Token()
	key, _ := d.Token()
	if key == "defaults" {
		l.listing(name)
		l.facts.begin(name, 0, "")
		return l.dump(name, r)
	}
	if elementKey(key) {
		l.listing(name)
		return l.text(name, r) // one object on each line
	}
	if key != "routewhy" && hasOutput(start) {
		l.listing(name)
		return l.text(name, r)
	}
	if l.snap != nil {
		return errors.New("a second snapshot")
	}
	l.snapName = name
	var err error
	l.snap, l.routes, err = route.DecodeList(r, l.room)
	return err
}

// maxWindow is how many bytes a decompressor may look back. It keeps them in memory.
const maxWindow = 64 << 20

// elementKey reports whether an object that begins with a member is an element of
// what ip -j prints.
func elementKey(key any) bool {
	switch key {
	case "dst", "type", "ifindex", "ifname", "link_index", "link", "priority", "id", "not", "src", "tos", "gateway", "dev", "protocol":
		return true
	}
	return false
}

// decompress finds out from the first bytes how a file is compressed.
func decompress(r *bufio.Reader) (io.ReadCloser, error) {
	magic, err := r.Peek(6)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxBytes), zstd.WithDecoderMaxWindow(maxWindow),
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(r)), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		z, err := newXZ(r)
		return io.NopCloser(z), err
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return nil, errors.New("is a zip archive: unpack it first")
	case len(magic) == 0 && err == io.EOF:
		return nil, errors.New("is empty")
	case len(magic) == 0:
		return nil, err
	}
	return io.NopCloser(r), nil
}

// budget is a reader that fails after all readers that share the budget have given too
// much together.
type budget struct {
	r     io.Reader
	left  *int64
	limit int64
}

func (b *budget) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, fmt.Errorf("has more than %d MiB", b.limit>>20)
	}
	return n, err
}

func oddLines(n int) string {
	if n == 1 {
		return "one place"
	}
	return fmt.Sprintf("%d places", n)
}
