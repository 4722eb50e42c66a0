package load

import (
	"bytes"
	"errors"
	"net/netip"
	"unsafe"

	"routewhy/route"
)

// What the facts take until they are answered from, about: twice their size, since
// the slices that they are in grow, and what maps and look-ups keep of each.
const (
	devSize       = 2*int64(unsafe.Sizeof(dev{})+unsafe.Sizeof(route.Link{})) + 512
	addrSize      = 2*int64(unsafe.Sizeof(route.Addr{})) + 384
	ruleSize      = 9 * int64(unsafe.Sizeof(route.Rule{})) // look-ups keep an index of them, and a report tells of each
	neighbourSize = 2*int64(unsafe.Sizeof(route.Neighbour{})) + 384
	objectSize    = 2*int64(unsafe.Sizeof(route.NextHopObject{})) + 512
	settingSize   = 384
	tableSize     = 512
	orderSize     = 32 // of each route: its listing, and its place among those of its prefix
	listingSize   = 128

	membershipSize = 2*int64(unsafe.Sizeof(groupList{})+unsafe.Sizeof(route.Membership{})) + 64
	groupSize      = 2 * (4 + 2*int64(unsafe.Sizeof(netip.Addr{})))
)

// size is how much memory the facts take, about.
func (f *facts) size() int64 {
	s := &f.snap
	return f.routes.Size() + int64(len(f.devs))*devSize + int64(len(s.Addrs))*addrSize + int64(len(f.listed))*ruleSize +
		int64(len(s.Neighbours))*neighbourSize + int64(len(s.NextHops))*objectSize + int64(len(s.Sysctls))*settingSize +
		int64(len(f.tableIn)+len(f.tables)+len(f.parts))*tableSize + int64(len(f.from))*orderSize + int64(len(f.listings))*listingSize +
		int64(len(f.memberships))*membershipSize + int64(f.grouped)*groupSize
}

// longLine is how long a line or an element is whose text counts too, where something of
// it is kept: names in it may be as long.
const longLine = 4 << 10

// read counts a line or an element of so many bytes.
func (l *loader) read(n int) {
	if n > longLine {
		l.long += int64(n)
	}
}

// jsonSize is what an object of a listing takes while it is read.
const jsonSize = 512

// fits reports whether an element of a JSON listing may be read, by how many objects
// are in it.
func (l *loader) fits(raw []byte) error {
	l.read(len(raw))
	return l.room.Fits(int64(len(raw)) + int64(bytes.Count(raw, []byte{'{'}))*jsonSize)
}

// overLimit reports whether an error ends the reading, and not of one file alone.
func (l *loader) overLimit(err error) bool {
	limit := new(route.LimitError)
	return l.left < 0 || errors.As(err, &limit)
}

// account takes of what is allowed what the facts have grown by. It costs too little
// to be done for every line.
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
