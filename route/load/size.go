package load

import (
	"bytes"
	"errors"
	"net/netip"
	"unsafe"

	"routewhy/route"
)

// About how much memory the facts take until questions are answered: twice their size,
// because their slices grow, and what maps and look-ups keep for each.
const (
	devSize       = 2*int64(unsafe.Sizeof(dev{})+unsafe.Sizeof(route.Link{})) + 512
	addrSize      = 2*int64(unsafe.Sizeof(route.Addr{})) + 384
	ruleSize      = 9 * int64(unsafe.Sizeof(route.Rule{})) // look-ups keep an index of rules, and a report tells about each
	neighbourSize = 2*int64(unsafe.Sizeof(route.Neighbour{})) + 384
	objectSize    = 2*int64(unsafe.Sizeof(route.NextHopObject{})) + 512
	settingSize   = 384
	tableSize     = 512
	orderSize     = 32 // of each route: its listing, and its place among those of its prefix
	listingSize   = 128

	membershipSize = 2*int64(unsafe.Sizeof(groupNames{})+unsafe.Sizeof(route.Membership{})) + 64
	procSize       = 4 * int64(unsafe.Sizeof(procLine{}))
	groupSize      = 2 * (4 + 2*int64(unsafe.Sizeof(netip.Addr{})))
)

// size is about how much memory the facts take.
func (f *facts) size() int64 {
	s := &f.snap
	return f.routes.Size() + int64(len(f.devs))*devSize + int64(len(s.Addrs))*addrSize + int64(len(f.listed))*ruleSize +
		int64(len(s.Neighbours))*neighbourSize + int64(len(s.NextHops))*objectSize + int64(len(s.Sysctls))*settingSize +
		int64(len(f.tableIn)+len(f.tables)+len(f.parts))*tableSize + int64(len(f.from))*orderSize + int64(len(f.listings))*listingSize +
		int64(f.procLines)*procSize + int64(len(f.memberships)+len(f.groupNames))*membershipSize + int64(f.grouped)*groupSize
}

// longLine is a length in bytes. The text of longer lines or elements counts too, if
// something of it is kept: names in it may be as long.
const longLine = 4 << 10

// read counts a line or an element of n bytes.
func (l *loader) read(n int) {
	if n > longLine {
		l.long += int64(n)
	}
}

// How long a text takes to read, in bytes whose reading takes as long: of each line, each
// word, each word of a line that has more words than usual, and each line that is not
// understood, and each byte of it beyond a usual line.
const (
	lineWork = 64
	wordWork = 8
	hopWork  = 24
	oddWork  = 256
	byteWork = 4

	usualWords = 32
	usualLine  = 128
)

// toil counts the time that it takes to read a line. The limit of memory is also the
// limit of that. Pending is how many lines may still turn out not to be understood.
func (l *loader) toil(line []byte, pending int) error {
	words := int64(bytes.Count(line, []byte{' '}))
	l.work -= int64(len(line)) + lineWork + wordWork*words + hopWork*max(0, words-usualWords)
	odd := int64(l.moreFaults + pending - l.odd)
	if odd > 0 {
		l.work -= odd*oddWork + byteWork*max(0, int64(len(line))-usualLine)
	}
	if l.odd += int(odd); l.work < 0 {
		return &route.LimitError{Limit: l.limit, Text: true}
	}
	return nil
}

// jsonSize is how much memory an object of a listing takes while it is read.
const jsonSize = 512

// fits checks whether there is memory to read an element of a JSON listing. It counts
// the objects in the element.
func (l *loader) fits(raw []byte) error {
	l.read(len(raw))
	return l.room.Fits(int64(len(raw)) + int64(bytes.Count(raw, []byte{'{'}))*jsonSize)
}

// overLimit reports whether an error ends all reading, and not just that of one file.
func (l *loader) overLimit(err error) bool {
	limit := new(route.LimitError)
	return l.left < 0 || errors.As(err, &limit)
}

// account takes from the allowance what the facts have grown by. It is cheap enough to
// be called after every line.
func (l *loader) account() error {
	grown := l.facts.size() - l.taken
	var long int64
	if grown > 0 {
		long = l.long
	}
	if err := l.room.Take(grown + long); err != nil {
		return err
	}
	if l.taken += grown; grown > 0 {
		l.long = 0
	}
	return nil
}
