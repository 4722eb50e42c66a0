package route

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
)

// The file format of a snapshot is JSON. The file is one object. Its first member is
// "routewhy", the version of the format. The other members are those of
// Snapshot.sections, in that order; an empty one is left out. A line has one element
// of a list or one key of a map, so that two snapshots of one host can be compared
// line by line. In the list of routes, an element may be text instead of an object:
// the text is the destination of a route that is otherwise the same as the route
// before it. So a large table takes only a few bytes for each route, and routes that
// are alike stand together. The names of an element's members are in the json tags of
// this package's types. If a member is left out, its field is zero, except for
// suppress_prefixlen, suppress_ifgroup and peer_netns, which are then -1.
//
// Route types, scopes, actions and states are written as names. Flags, protocols and
// tables are written as the kernel's numbers. Addresses and prefixes are text. Members
// whose names end in _ns are times in nanoseconds.
//
// A member that a reader does not know is an error, because the decision may depend on
// it. The version is raised when the meaning of an existing member changes.

// FormatVersion is the version of the file format.
const FormatVersion = 1

// FormatKey is the name of the first member of a snapshot file. The value of that
// member is the version.
const FormatKey = "routewhy"

// section is one member of the file's object.
type section struct {
	name  string
	typ   reflect.Type
	empty bool
	write func(*encoder)
	read  func(*decoder) error
}

// sections are the members of the file's object in the order in which they are
// written.
func (s *Snapshot) sections(routes *List) []section {
	return []section{
		single("host", &s.Host),
		single("machine", &s.Machine),
		single("release", &s.Release),
		single("time", &s.Time),
		single("changed", &s.Changed),
		single("merged", &s.Merged),
		single("modules", &s.Modules),
		single("no_rules4", &s.NoRules4),
		single("no_rules6", &s.NoRules6),
		list("gaps", &s.Gaps, Gap{}),
		s.namesSection(),
		list("links", &s.Links, Link{PeerNetNS: -1}),
		list("device_order", &s.Order, nil),
		list("addresses", &s.Addrs, Addr{}),
		list("memberships", &s.Memberships, Membership{}),
		list("rules", &s.Rules, Rule{SuppressPrefixLen: -1, SuppressGroup: -1}),
		list("nexthops", &s.NextHops, NextHopObject{}),
		{"routes", reflect.TypeFor[[]Route](), routes.Len() == 0, routes.write, routes.read},
		list("neighbours", &s.Neighbours, Neighbour{}),
		list("labels", &s.Labels, AddrLabel{}),
		list("sockets", &s.Sockets, Socket{}),
		single("markers_read", &s.MarkersRead),
		list("markers", &s.Markers, Marker{}),
		list("redirects", &s.Learnt, Redirect{}),
		list("wireguard", &s.WireGuard, WireGuard{}),
		{"sysctls", reflect.TypeFor[Sysctls](), len(s.Sysctls) == 0, s.writeSysctls, s.readSysctls},
	}
}

// single is a member that is one value.
func single[T any](name string, v *T) section {
	return section{
		name, reflect.TypeFor[T](), reflect.ValueOf(v).Elem().IsZero(),
		func(e *encoder) { e.value(v) },
		func(d *decoder) error { return d.element(v, settingSize) },
	}
}

func (s *Snapshot) namesSection() section {
	part := single("names", &s.Names)
	read := part.read
	part.read = func(d *decoder) error {
		if err := read(d); err != nil {
			return err
		}
		return d.room.Take(int64(len(s.Names.Tables)+len(s.Names.Protocols)) * settingSize)
	}
	part.empty = len(s.Names.Tables)+len(s.Names.Protocols) == 0
	return part
}

// list is a member that is a list. Fields that an element leaves out are as in fresh.
func list[T any](name string, all *[]T, fresh T) section {
	write := func(e *encoder) {
		e.open('[')
		for i := range *all {
			e.line()
			e.value(&(*all)[i])
		}
		e.close(']')
	}
	read := func(d *decoder) error {
		if err := d.expect(json.Delim('[')); err != nil {
			return err
		}
		size := max(3*int64(reflect.TypeFor[T]().Size()), elementSize)
		switch reflect.TypeFor[T]() {
		case reflect.TypeFor[Link]():
			size *= 2 // look-ups keep as much data of each, and reports keep its name
		case reflect.TypeFor[Rule]():
			size *= 3 // look-ups keep an index of rules, and a report mentions each
		}
		for d.More() {
			if len(*all) == maxElements {
				return fmt.Errorf("more than %d elements", maxElements)
			}
			*all = append(*all, fresh)
			if err := d.element(&(*all)[len(*all)-1], size); err != nil {
				return fmt.Errorf("element %d: %w", len(*all), err)
			}
		}
		return d.expect(json.Delim(']'))
	}
	return section{name, reflect.TypeFor[[]T](), len(*all) == 0, write, read}
}

func (s *Snapshot) writeSysctls(e *encoder) {
	e.open('{')
	for _, path := range slices.Sorted(maps.Keys(s.Sysctls)) {
		e.line()
		e.value(path)
		_ = e.w.WriteByte(':')
		e.value(s.Sysctls[path])
	}
	e.close('}')
}

// readSysctls reads the settings one by one, because the settings of a host with many
// devices are larger than one element may be.
func (s *Snapshot) readSysctls(d *decoder) error {
	if err := d.expect(json.Delim('{')); err != nil {
		return err
	}
	s.Sysctls = Sysctls{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		path, _ := key.(string)
		path = fromText(path)
		if _, again := s.Sysctls[path]; again {
			return fmt.Errorf("%q is there twice", path)
		}
		var value string
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := d.room.Take(settingSize + 2*int64(len(path)+len(value))); err != nil {
			return err
		}
		s.Sysctls[path] = fromText(value)
		d.in.left = maxElement
	}
	return d.expect(json.Delim('}'))
}

// encoder writes JSON with one element or member on a line.
type encoder struct {
	w     *bufio.Writer
	json  *json.Encoder
	first bool // nothing was written since the last bracket
	err   error
}

// open writes an opening bracket.
func (e *encoder) open(bracket byte) {
	_ = e.w.WriteByte(bracket)
	e.first = true
}

// line starts the next element of a list or member of an object.
func (e *encoder) line() {
	if !e.first {
		_ = e.w.WriteByte(',')
	}
	e.first = false
	e.w.WriteByte('\n')
}

func (e *encoder) close(bracket byte) {
	e.w.WriteByte('\n')
	_ = e.w.WriteByte(bracket)
	e.first = false
}

// value writes one value, without the line feed that a json.Encoder adds at the
// end.
func (e *encoder) value(v any) {
	if err := e.json.Encode(v); err != nil && e.err == nil {
		e.err = err
	}
}

// trimmer is a writer that removes the line feed at the end of each write. It refuses an
// element that is too large for a reader.
type trimmer struct{ io.Writer }

func (t trimmer) Write(b []byte) (int, error) {
	if len(b) > maxElement {
		return 0, errElement
	}
	_, err := t.Writer.Write(bytes.TrimSuffix(b, []byte{'\n'}))
	return len(b), err
}

// Encode writes a snapshot in the file format. Devices and neighbours, whose
// order means nothing, are sorted.
func (s *Snapshot) Encode(w io.Writer) error { return s.EncodeWith(w, ListOf(s.Routes)) }

// EncodeWith is like Encode, but writes the given routes instead of the snapshot's own.
func (s *Snapshot) EncodeWith(w io.Writer, routes *List) error {
	sorted := *s.withNames(toText)
	for i := range sorted.Rules { // the kernel accepts lengths that no prefix can have
		sorted.Rules[i].SuppressPrefixLen = min(sorted.Rules[i].SuppressPrefixLen, IPv6.Bits())
	}
	sorted.Links = slices.SortedStableFunc(slices.Values(sorted.Links), func(a, b Link) int { return a.Index - b.Index })
	sorted.Neighbours = slices.SortedStableFunc(slices.Values(s.Neighbours), func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(FamilyOf(a.Addr), FamilyOf(b.Addr)), a.Link-b.Link, a.Addr.Compare(b.Addr))
	})
	e := &encoder{w: bufio.NewWriterSize(w, 1<<16)}
	e.json = json.NewEncoder(trimmer{e.w})
	e.json.SetEscapeHTML(false)
	e.open('{')
	e.line()
	fmt.Fprintf(e.w, "%q: %d", FormatKey, FormatVersion)
	for _, part := range sorted.sections(routes) {
		if part.empty {
			continue
		}
		e.line()
		fmt.Fprintf(e.w, "%q: ", part.name)
		part.write(e)
	}
	e.close('}')
	e.w.WriteByte('\n')
	return cmp.Or(e.err, e.w.Flush())
}

// Limits on the size of a file, because files may come from anywhere.
const (
	maxElements = 4 << 20 // of one list
	maxElement  = 8 << 20 // bytes of one element: the order of half a million devices
)

// decoder reads JSON and limits the size of one element.
type decoder struct {
	*json.Decoder
	in   *bounded
	room *Allowance
	raw  json.RawMessage // of the element being read
}

// element reads one element of a list. Size is the memory that the element's type
// takes; what its text adds is estimated here.
func (d *decoder) element(v any, size int64) error {
	if err := d.Decode(&d.raw); err != nil {
		return err
	}
	d.in.left = maxElement
	if err := d.room.Take(size + weight(d.raw)); err != nil {
		return err
	}
	return strict(d.raw, v)
}

// strict reads JSON. A member that is not known, or that is there twice, is an error.
func strict(raw []byte, v any) error {
	if err := checkKeys(raw); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

var errElement = fmt.Errorf("one element has more than %d MiB", maxElement>>20)

// bounded is a reader that fails when no bytes are left of its limit.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errElement
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Decode reads a snapshot in the file format, and checks what reasoning relies
// on. A member that it does not know, or that is there twice, is an error.
func Decode(r io.Reader) (*Snapshot, error) {
	s, routes, err := DecodeList(r, nil)
	if err == nil {
		s.Routes = routes.Slice()
	}
	return s, err
}

// DecodeList is like Decode, but returns the routes separately, as a List, which takes
// less memory. It takes no more memory than room allows.
func DecodeList(r io.Reader, room *Allowance) (*Snapshot, *List, error) {
	in := &bounded{r, maxElement}
	d := &decoder{Decoder: json.NewDecoder(in), in: in, room: room}
	d.DisallowUnknownFields()
	s, routes := new(Snapshot), new(List)
	if err := s.decode(d, routes); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends in the middle")
		}
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	s.restoreNames()
	if err := s.check(); err != nil {
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	s.SortLinks()
	return s, routes, nil
}

func (s *Snapshot) decode(d *decoder, routes *List) error {
	if err := d.version(); err != nil {
		return err
	}
	parts := s.sections(routes)
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		i := slices.IndexFunc(parts, func(p section) bool { return p.name == name })
		if i < 0 || seen[name] {
			return fmt.Errorf("unknown or repeated member %q", name)
		}
		seen[name] = true
		if err := parts[i].read(d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := d.expect(json.Delim('}')); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	return nil
}

// version reads the beginning of the object, which gives the version of the format.
func (d *decoder) version() error {
	if err := d.expect(json.Delim('{')); err != nil {
		return err
	}
	if err := d.expect(FormatKey); err != nil {
		return err
	}
	var version int
	err := d.Decode(&version)
	if err == nil && version != FormatVersion {
		err = fmt.Errorf("its format has version %d, and this routewhy knows %d", version, FormatVersion)
	}
	return err
}

// expect reads one token. If it is not want, that is an error.
func (d *decoder) expect(want json.Token) error {
	got, err := d.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v instead of %v", got, want)
	}
	return err
}
