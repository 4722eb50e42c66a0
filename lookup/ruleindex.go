package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// indexedRules is how many rules a family must have for an index of them. Fewer rules
// are tried one by one, which costs less.
const indexedRules = 64

// ruleIndex finds the rules that may match a packet, by the one part of their selectors
// that excludes most packets: the source, the destination, the mark or the device. A host
// with ten thousand customers has a rule for each. A rule that the index gives may still
// not match; a rule that it does not give never does.
type ruleIndex struct {
	src, dst prefixIndex
	marks    []markIndex
	in       map[int][]int32
	rest     []int32 // rules that are asked about every packet
}

// prefixIndex are rules by a prefix of their selectors.
type prefixIndex struct {
	rules   map[netip.Prefix][]int32
	lengths []int
}

// markIndex are the rules that compare the mark under the same mask.
type markIndex struct {
	mask  uint32
	rules map[uint32][]int32
}

// maxMasks is how many masks of marks are indexed.
const maxMasks = 16

func newRuleIndex(f *FIB, rules []*rule) *ruleIndex {
	x := &ruleIndex{in: map[int][]int32{}}
	for i, r := range rules {
		x.add(f, r, int32(i))
	}
	return x
}

func (x *ruleIndex) add(f *FIB, r *rule, i int32) {
	switch s := &r.Selector; {
	case s.Not:
		x.rest = append(x.rest, i)
	case s.Src.IsValid() && s.Src.Bits() > 0:
		x.src.add(s.Src, i)
	case s.Dst.IsValid() && s.Dst.Bits() > 0:
		x.dst.add(s.Dst, i)
	case s.MarkMask != 0 && x.addMark(s.Mark, s.MarkMask, i):
	case r.in > 0 && f.vrf(r.in) != r.in:
		x.in[r.in] = append(x.in[r.in], i)
	default:
		x.rest = append(x.rest, i)
	}
}

func (x *ruleIndex) addMark(mark, mask uint32, i int32) bool {
	k := slices.IndexFunc(x.marks, func(m markIndex) bool { return m.mask == mask })
	if k < 0 {
		if len(x.marks) == maxMasks {
			return false
		}
		k = len(x.marks)
		x.marks = append(x.marks, markIndex{mask, map[uint32][]int32{}})
	}
	m := x.marks[k].rules
	m[mark&mask] = append(m[mark&mask], i)
	return true
}

func (x *prefixIndex) add(p netip.Prefix, i int32) {
	p = p.Masked()
	if x.rules == nil {
		x.rules = map[netip.Prefix][]int32{}
	}
	if !slices.Contains(x.lengths, p.Bits()) {
		x.lengths = append(x.lengths, p.Bits())
	}
	x.rules[p] = append(x.rules[p], i)
}

// covering adds the rules whose prefix covers an address to lists.
func (x *prefixIndex) covering(lists [][]int32, a netip.Addr) [][]int32 {
	for _, bits := range x.lengths {
		if p, err := a.WithZone("").Prefix(bits); err == nil {
			lists = appendList(lists, x.rules[p])
		}
	}
	return lists
}

func appendList(lists [][]int32, one []int32) [][]int32 {
	if len(one) == 0 {
		return lists
	}
	return append(lists, one)
}

// lists adds the rules that may match a packet to lists, each of which is in order.
func (x *ruleIndex) lists(lists [][]int32, w *walk) [][]int32 {
	src := w.flow.Src
	if !src.IsValid() && w.flow.Dst.Is4() {
		src = netip.IPv4Unspecified()
	}
	if src.IsValid() {
		lists = x.src.covering(lists, src)
	}
	lists = x.dst.covering(lists, w.flow.Dst)
	for _, m := range x.marks {
		lists = appendList(lists, m.rules[w.flow.Mark&m.mask])
	}
	lists = appendList(lists, x.in[w.iif])
	return appendList(lists, x.rest)
}

// index is the index that a walk uses; nil: it goes through all rules, for example
// because each is recorded.
func (w *walk) index(fam *family) *ruleIndex {
	if fam.index == nil || w.trace != nil && !w.sketch || w.mem == nil {
		return nil
	}
	return fam.index()
}

// next is the next rule, at or after a place, that may match; len(rules): there is none.
// Within a walk, places only go up.
func (w *walk) next(x *ruleIndex, rules []*rule, from int) int {
	if x == nil {
		return from
	}
	best := len(rules)
	for k, l := range w.mem.rules {
		for len(l) > 0 && int(l[0]) < from {
			l = l[1:]
		}
		w.mem.rules[k] = l
		if len(l) > 0 {
			best = min(best, int(l[0]))
		}
	}
	return best
}

// gotos works out where each goto goes on: at the next rule with its priority.
func gotos(rules []*rule) {
	at := map[uint32]int{}
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.Action == route.ActionGoto {
			r.target = at[r.Goto] // zero: there is none, since no goto leads back to the first rule
		}
		at[r.Priority] = i
	}
}

// dissects reports whether a rule asks about the protocol or the ports of packets
// that arrive.
func (r *rule) dissects() bool {
	s := &r.Selector
	return r.in != route.LoopbackIndex &&
		(s.Proto != 0 || s.SrcPort != (route.PortRange{}) || s.DstPort != (route.PortRange{}))
}
