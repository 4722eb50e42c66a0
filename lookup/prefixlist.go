package lookup

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"

	"routewhy/route"
)

// prefixList is a sorted list of prefixes of one family, each with the kind of its route.
// It holds a million of them in little memory. The zero value is empty. After prefixes were
// added, sort must be called before the list is asked for any.
type prefixList struct {
	// keys has for each prefix the bytes of its address and one byte for its length. The
	// order of these keys is that of the prefixes: by address, and shorter ones first.
	// After each key come the kindSize bytes of the kind.
	keys     []byte
	size     int // of a key and its kind
	moved    int // bytes of keys that were moved so far to keep the order
	unsorted bool
}

// maxKeySize is the size of an IPv6 prefix's key.
const maxKeySize = 17

// kindSize is the size of a kind.
const kindSize = 2

// maxMoves limits how many times a list is moved as a whole, so to speak, before it is
// sorted at the end instead. The kernel dumps prefixes almost in order.
const maxMoves = 16

func appendKey(to []byte, p netip.Prefix) []byte {
	if a := p.Addr(); a.Is4() {
		b := a.As4()
		to = append(to, b[:]...)
	} else {
		b := a.As16()
		to = append(to, b[:]...)
	}
	return append(to, byte(p.Bits()))
}

// add adds a prefix whose route is of a kind, if it is not in the list. It tells where it
// is, and whether it was in the list before: while the list is not sorted, that is unknown.
func (l *prefixList) add(p netip.Prefix, kind uint16) (int, route.Tristate) {
	key := appendKey(make([]byte, 0, maxKeySize+kindSize), p)
	l.size = len(key) + kindSize
	at := l.Len()
	if at > 0 && !l.unsorted && bytes.Compare(l.key(at-1), key) >= 0 {
		place, found := l.find(key)
		if found {
			return place, route.Yes
		}
		if l.moved += len(l.keys) - place*l.size; l.moved > maxMoves*len(l.keys) {
			l.unsorted = true
		} else {
			at = place
		}
	}
	l.keys = slices.Insert(l.keys, at*l.size, binary.NativeEndian.AppendUint16(key, kind)...)
	if l.unsorted {
		return at, route.Unknown
	}
	return at, route.No
}

// sort makes the list ready to be asked. A prefix that was added more than once gets the
// kind oddKind.
func (l *prefixList) sort() {
	if !l.unsorted {
		return
	}
	sort.Sort(l)
	n := 1
	for i := 1; i < l.Len(); i++ {
		if bytes.Equal(l.key(i), l.key(n-1)) {
			l.setKind(n-1, oddKind)
			continue
		}
		copy(l.item(n), l.item(i))
		n++
	}
	l.keys, l.unsorted, l.moved = l.keys[:n*l.size], false, 0
}

// Len, Less and Swap are for package sort.
func (l *prefixList) Len() int {
	if l.size == 0 {
		return 0
	}
	return len(l.keys) / l.size
}

func (l *prefixList) Less(i, j int) bool { return bytes.Compare(l.key(i), l.key(j)) < 0 }

func (l *prefixList) Swap(i, j int) {
	var old [maxKeySize + kindSize]byte
	n := copy(old[:], l.item(i))
	copy(l.item(i), l.item(j))
	copy(l.item(j), old[:n])
}

func (l *prefixList) item(i int) []byte { return l.keys[i*l.size : (i+1)*l.size] }

func (l *prefixList) key(i int) []byte { return l.keys[i*l.size : (i+1)*l.size-kindSize] }

// kind is the kind of the prefix with an index.
func (l *prefixList) kind(i int) uint16 {
	return binary.NativeEndian.Uint16(l.keys[(i+1)*l.size-kindSize:])
}

func (l *prefixList) setKind(i int, kind uint16) {
	binary.NativeEndian.PutUint16(l.keys[(i+1)*l.size-kindSize:], kind)
}

// at is the prefix with an index.
func (l *prefixList) at(i int) netip.Prefix {
	key := l.key(i)
	a, _ := netip.AddrFromSlice(key[:len(key)-1])
	return netip.PrefixFrom(a, int(key[len(key)-1]))
}

// find is the index of the first prefix that is not before a key, and whether it is that
// key's.
func (l *prefixList) find(key []byte) (int, bool) {
	return sort.Find(l.Len(), func(i int) int { return bytes.Compare(key, l.key(i)) })
}

// search is the index of the first prefix that is not before p, and whether that is p.
func (l *prefixList) search(p netip.Prefix) (int, bool) {
	return l.find(appendKey(make([]byte, 0, maxKeySize), p))
}

// after is the index of the first prefix after all those inside p.
func (l *prefixList) after(p netip.Prefix) int {
	last := route.LastAddr(p)
	i, found := l.search(netip.PrefixFrom(last, last.BitLen()))
	if found {
		i++
	}
	return i
}
