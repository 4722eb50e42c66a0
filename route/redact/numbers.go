package redact

import (
	"math"
	"slices"

	"routewhy/route"
)

// numbers are the numbers that are replaced, each with its replacement. The numbers of
// processes, sockets and owners are always replaced, the others only by a strict mapping.
type numbers struct {
	processes map[int]int
	inodes    map[uint32]uint32

	owners map[uint32]uint32
	taken  map[int]uint32 // how many owners there are in each class
	// classes are the first user IDs of the ranges that rules treat differently, in
	// order. Root has a class of its own.
	classes []uint32

	indexes map[int]int
	tables  map[route.Table]route.Table
	groups  map[uint32]uint32
	objects map[uint32]uint32
}

// firstTable is the new number of the first table that is renumbered. No reserved table
// has such a number.
const firstTable = 1000

// classSize is how many user IDs each class has in a strict mapping.
const classSize = 1000

func newNumbers() numbers {
	return numbers{
		processes: map[int]int{}, inodes: map[uint32]uint32{}, owners: map[uint32]uint32{}, taken: map[int]uint32{},
		classes: []uint32{0, 1}, indexes: map[int]int{route.LoopbackIndex: route.LoopbackIndex},
		tables: map[route.Table]route.Table{}, groups: map[uint32]uint32{}, objects: map[uint32]uint32{},
	}
}

// numbered gives numbers to things in the order in which they come. Zero stays zero.
func numbered[N ~int | ~uint32](known map[N]N, n, first N) N {
	if n == 0 {
		return 0
	}
	if _, ok := known[n]; !ok {
		known[n] = first + N(len(known))
	}
	return known[n]
}

// learn remembers what must be known before anything is replaced: the order of the
// devices, and which user IDs the rules treat differently.
func (n *numbers) learn(s *route.Snapshot) {
	var indexes []int
	for i := range s.Links {
		indexes = append(indexes, s.Links[i].Index)
	}
	slices.Sort(indexes)
	for _, i := range indexes {
		numbered(n.indexes, i, 1)
	}
	for i := range s.Rules {
		if sel := &s.Rules[i].Selector; sel.HasUIDs {
			n.classes = append(n.classes, sel.UIDs.Start)
			if sel.UIDs.End < math.MaxUint32 {
				n.classes = append(n.classes, sel.UIDs.End+1)
			}
		}
	}
	slices.Sort(n.classes)
	n.classes = slices.Compact(n.classes)
}

// class is the place of the class that a user ID is in.
func (n *numbers) class(uid uint32) int {
	at, found := slices.BinarySearch(n.classes, uid)
	if !found {
		at--
	}
	return at
}

// first is the first user ID of a class in the redacted snapshot. For a number after the
// last class, it is the largest user ID.
func (m *Mapping) first(class int) uint32 {
	switch {
	case class >= len(m.numbers.classes):
		return math.MaxUint32
	case m.strict && class > 1:
		return uint32(class-1) * classSize
	}
	return m.numbers.classes[class]
}

// owner replaces the owner of a socket by another that the rules treat in the same way.
func (m *Mapping) owner(uid uint32) uint32 {
	n := &m.numbers
	if fresh, ok := n.owners[uid]; ok {
		return fresh
	}
	class := n.class(uid)
	fresh := min(m.first(class)+n.taken[class], m.first(class+1)-1)
	n.owners[uid] = fresh
	n.taken[class]++
	return fresh
}

// userRange replaces the range of a rule.
func (m *Mapping) userRange(r route.UIDRange) route.UIDRange {
	if !m.strict {
		return r
	}
	out := route.UIDRange{Start: m.first(m.numbers.class(r.Start)), End: math.MaxUint32}
	if r.End < math.MaxUint32 {
		out.End = m.first(m.numbers.class(r.End+1)) - 1
	}
	return out
}

func (m *Mapping) index(link int) int {
	if !m.strict || link < 0 {
		return link
	}
	return numbered(m.numbers.indexes, link, 1)
}

func (m *Mapping) table(t route.Table) route.Table {
	if !m.strict || reserved(t) {
		return t
	}
	return numbered(m.numbers.tables, t, firstTable)
}

// reserved reports whether a table is one of those that every host has.
func reserved(t route.Table) bool {
	return t == route.TableLocal || t == route.TableMain || t == route.TableDefault
}

func (m *Mapping) group(n uint32) uint32 {
	if !m.strict {
		return n
	}
	return numbered(m.numbers.groups, n, 1)
}

func (m *Mapping) object(id uint32) uint32 {
	if !m.strict {
		return id
	}
	return numbered(m.numbers.objects, id, 1)
}
