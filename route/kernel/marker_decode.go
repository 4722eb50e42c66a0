package kernel

import (
	"encoding/binary"
	"errors"
	"slices"

	"routewhy/route"
)

// nftables is decoded here and not by google/nftables (v0.3.0): that library keeps every
// rule with all of its expressions, and a node of a cluster has a hundred thousand; here
// only the rules that set marks are kept, and the jumps between chains. It would also open
// its own sockets.

// Messages and attributes of linux/netfilter/nf_tables.h.
const (
	nftSubsystem = 10 // NFNL_SUBSYS_NFTABLES
	nftNewTable  = nftSubsystem << 8
	nftGetTable  = nftSubsystem<<8 | 1
	nftNewChain  = nftSubsystem<<8 | 3
	nftGetChain  = nftSubsystem<<8 | 4
	nftNewRule   = nftSubsystem<<8 | 6
	nftGetRule   = nftSubsystem<<8 | 7

	sizeofNfGenMsg = 4

	nftaTableName  = 1
	nftaTableFlags = 2
	nftDormant     = 1

	nftaChainTable = 1
	nftaChainName  = 3
	nftaChainHook  = 4
	nftaChainType  = 7
	nftaHookNumber = 1

	nftaRuleTable       = 1
	nftaRuleChain       = 2
	nftaRuleHandle      = 3
	nftaRuleExpressions = 4
	nftaListElem        = 1
	nftaExprName        = 1
	nftaExprData        = 2
	nftaCounterPackets  = 2

	nftaImmediateDReg = 1
	nftaImmediateData = 2
	nftaDataValue     = 1
	nftaDataVerdict   = 2
	nftaVerdictCode   = 1
	nftaVerdictChain  = 2
	nftaLookupDReg    = 3
	nftaMetaDReg      = 1 // and of ct
	nftaMetaKey       = 2
	nftaMetaSReg      = 3
	nftaBitwiseSReg   = 1
	nftaBitwiseDReg   = 2
	nftaBitwiseMask   = 4
	nftaBitwiseXor    = 5
	nftaBitwiseOp     = 6

	nftaTargetName = 1
	nftaTargetRev  = 2
	nftaTargetInfo = 3

	nftMark = 3 // NFT_META_MARK and NFT_CT_MARK
	nftJump = -3
	nftGoto = -4
)

// Faults of messages about nftables and WireGuard.
var (
	errNoTable      = errors.New("a chain or rule of nftables without a table or a name")
	errMessageShort = errors.New("a message without its header")
)

// nftRules are what is kept of nftables: the rules that set marks, and how packets come to
// their chains.
type nftRules struct {
	dormant map[string]bool
	// bases are base chains, and jumps lead from a chain to others. maps are chains whose
	// rules have a verdict map, which may lead to any chain of the table.
	bases   map[nftChain]route.MarkerHook
	jumps   map[nftChain][]string
	maps    map[nftChain]bool
	markers []route.Marker
	// lost is how many markers there are besides.
	lost int
}

type nftChain struct{ table, name string }

func nftables() *nftRules {
	return &nftRules{dormant: map[string]bool{}, bases: map[nftChain]route.MarkerHook{}, jumps: map[nftChain][]string{}, maps: map[nftChain]bool{}}
}

// maxMarkers is how many markers are kept.
const maxMarkers = 4096

// nftFamily is the name of a family of nftables, with a space after it; empty: the family
// has no packets with marks.
func nftFamily(b byte) string {
	switch b {
	case 1:
		return "inet "
	case 2:
		return "ip "
	case 5:
		return "netdev "
	case 7:
		return "bridge "
	case 10:
		return "ip6 "
	}
	return ""
}

// hookName is the name of a hook.
func hookName(family byte, n uint32) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	if family == 5 {
		names = []string{"ingress", "egress"}
	}
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return "unknown"
}

// take takes one message of a dump of tables, chains or rules.
func (n *nftRules) take(typ uint16, msg []byte) error {
	if len(msg) < sizeofNfGenMsg {
		return errMessageShort
	}
	family := nftFamily(msg[0])
	if family == "" {
		return nil
	}
	a := attrs{rest: msg[sizeofNfGenMsg:]}
	switch typ {
	case nftNewTable:
		n.takeTable(family, &a)
	case nftNewChain:
		return n.takeChain(family, msg[0], &a)
	case nftNewRule:
		return n.takeRule(family, &a)
	}
	return a.err
}

func (n *nftRules) takeTable(family string, a *attrs) {
	name, flags := "", uint32(0)
	for a.next() {
		switch a.typ {
		case nftaTableName:
			name = a.str()
		case nftaTableFlags:
			flags = a.be32()
		}
	}
	if flags&nftDormant != 0 {
		n.dormant[family+name] = true
	}
}

func (n *nftRules) takeChain(family string, number byte, a *attrs) error {
	var c nftChain
	hook, typ, based := uint32(0), "", false
	for a.next() {
		switch a.typ {
		case nftaChainTable:
			c.table = family + a.str()
		case nftaChainName:
			c.name = a.str()
		case nftaChainType:
			typ = a.str()
		case nftaChainHook:
			based = true
			inner := attrs{rest: a.data}
			for inner.next() {
				if inner.typ == nftaHookNumber {
					hook = inner.be32()
				}
			}
			a.nested(&inner)
		}
	}
	if c.table == "" || c.name == "" {
		return errNoTable
	}
	if based && !n.dormant[c.table] {
		n.bases[c] = route.MarkerHook{Hook: hookName(number, hook), Type: typ}
	}
	return a.err
}

func (n *nftRules) takeRule(family string, a *attrs) error {
	r := nftRule{all: n}
	for a.next() {
		switch a.typ {
		case nftaRuleTable:
			r.chain.table = family + a.str()
		case nftaRuleChain:
			r.chain.name = a.str()
		case nftaRuleHandle:
			r.handle = a.be64()
		case nftaRuleExpressions:
			if r.chain.table == "" || r.chain.name == "" {
				return errNoTable
			}
			inner := attrs{rest: a.data}
			for inner.next() {
				if inner.typ == nftaListElem {
					inner.nested(r.expression(inner.data))
				}
			}
			a.nested(&inner)
		}
	}
	return a.err
}

// bits are what is known of a 32-bit value: the bits of a packet's mark that are in kept are
// still there, those in known have the value's, and the others may have any.
type bits struct{ value, known, kept uint32 }

// nftRule is a rule while its expressions are read.
type nftRule struct {
	all    *nftRules
	chain  nftChain
	handle uint64
	// registers are those that hold something known.
	registers map[uint32]bits
	counted   bool
	packets   uint64
}

// register is the number of a register. The first four numbers are names of every fourth
// of the others.
func register(n uint32) uint32 {
	if n >= 1 && n <= 4 {
		return 4 + 4*n
	}
	return n
}

// expression reads one expression of the rule. The walk that it returns has the fault.
func (r *nftRule) expression(b []byte) *attrs {
	a := &attrs{rest: b}
	name, data := "", []byte(nil)
	for a.next() {
		switch a.typ {
		case nftaExprName:
			name = a.str()
		case nftaExprData:
			data = a.data
		}
	}
	in := &attrs{rest: data}
	switch name {
	case "cmp", "range", "match", "limit", "quota", "log", "objref", "notrack", "queue", "reject", "connlimit", "last":
	case "counter":
		for in.next() {
			if in.typ == nftaCounterPackets {
				r.counted, r.packets = true, in.be64()
			}
		}
	case "immediate":
		r.immediate(in)
	case "bitwise":
		r.bitwise(in)
	case "meta", "ct":
		r.meta(in, name == "meta")
	case "target":
		r.target(in)
	case "lookup":
		for in.next() {
			if in.typ == nftaLookupDReg && in.be32() == 0 {
				r.all.maps[r.chain] = true
			}
		}
		clear(r.registers)
	default: // it may overwrite any register
		clear(r.registers)
	}
	a.nested(in)
	return a
}

func (r *nftRule) set(reg uint32, v bits) {
	if r.registers == nil {
		r.registers = map[uint32]bits{}
	}
	r.registers[register(reg)] = v
}

func (r *nftRule) immediate(a *attrs) {
	reg := uint32(0)
	for a.next() {
		switch a.typ {
		case nftaImmediateDReg:
			reg = a.be32()
		case nftaImmediateData:
			inner := attrs{rest: a.data}
			for inner.next() {
				switch inner.typ {
				case nftaDataVerdict:
					r.verdict(&inner)
				case nftaDataValue:
					delete(r.registers, register(reg))
					if len(inner.data) == 4 {
						r.set(reg, bits{inner.u32(), ^uint32(0), 0})
					}
				}
			}
			a.nested(&inner)
		}
	}
}

// verdict keeps where a rule jumps to.
func (r *nftRule) verdict(a *attrs) {
	inner := attrs{rest: a.data}
	code, chain := int32(0), ""
	for inner.next() {
		switch inner.typ {
		case nftaVerdictCode:
			code = int32(inner.be32())
		case nftaVerdictChain:
			chain = inner.str()
		}
	}
	a.nested(&inner)
	if (code == nftJump || code == nftGoto) && !slices.Contains(r.all.jumps[r.chain], chain) {
		r.all.jumps[r.chain] = append(r.all.jumps[r.chain], chain)
	}
}

// value is an attribute's value of four bytes; false: it has another size.
func value(a *attrs) (v uint32, ok bool) {
	inner := attrs{rest: a.data}
	for inner.next() {
		if inner.typ == nftaDataValue && len(inner.data) == 4 {
			v, ok = inner.u32(), true
		}
	}
	a.nested(&inner)
	return v, ok
}

// bitwise is `(register & mask) ^ xor`, if it has no operation.
func (r *nftRule) bitwise(a *attrs) {
	var from, to, op, mask, xor uint32
	both := 0
	for a.next() {
		ok := false
		switch a.typ {
		case nftaBitwiseSReg:
			from = a.be32()
		case nftaBitwiseDReg:
			to = a.be32()
		case nftaBitwiseOp:
			op = a.be32()
		case nftaBitwiseMask:
			mask, ok = value(a)
		case nftaBitwiseXor:
			xor, ok = value(a)
		}
		if ok {
			both++
		}
	}
	old := r.registers[register(from)] // nothing known, if it is not there
	delete(r.registers, register(to))
	if op == 0 && both == 2 {
		r.set(to, old.masked(mask, xor))
	}
}

// masked is `(v & mask) ^ xor`.
func (v bits) masked(mask, xor uint32) bits {
	return bits{value: (v.value & mask) ^ xor, known: v.known | ^mask, kept: v.kept & mask &^ xor}
}

// meta loads a mark into a register, or sets the packet's mark to one. A connection's mark
// may have any value.
func (r *nftRule) meta(a *attrs, packet bool) {
	var to, from, key uint32
	loads, sets := false, false
	for a.next() {
		switch {
		case a.typ == nftaMetaDReg:
			to, loads = a.be32(), true
		case a.typ == nftaMetaKey:
			key = a.be32()
		case a.typ == nftaMetaSReg && packet:
			from, sets = a.be32(), true
		}
	}
	switch {
	case loads && packet && key == nftMark:
		r.set(to, bits{kept: ^uint32(0)})
	case loads: // it may take several registers
		clear(r.registers)
	case sets && key == nftMark:
		r.mark(r.registers[register(from)])
	}
}

// mark keeps that the rule sets the mark of packets.
func (r *nftRule) mark(v bits) {
	if v.kept == ^uint32(0) {
		return // it stays as it was
	}
	if len(r.all.markers) >= maxMarkers {
		r.all.lost++
		return
	}
	r.all.markers = append(r.all.markers, route.Marker{
		Kind: route.MarkerRule, Mark: v.value & v.known, Set: v.known, Open: ^(v.known | v.kept),
		Table: r.chain.table, Chain: r.chain.name, Handle: r.handle, Counted: r.counted, Packets: r.packets,
	})
}

// target reads a target of iptables (linux/netfilter/xt_mark.h, xt_connmark.h and
// xt_TPROXY.h).
func (r *nftRule) target(a *attrs) {
	name, rev, info := "", uint32(0), []byte(nil)
	for a.next() {
		switch a.typ {
		case nftaTargetName:
			name = a.str()
		case nftaTargetRev:
			rev = a.be32()
		case nftaTargetInfo:
			info = a.data
		}
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(info[4*i:]) }
	old := bits{kept: ^uint32(0)}
	switch {
	case name == "MARK" && rev == 2 && len(info) >= 8: // mark, mask
		r.mark(old.masked(^word(1), word(0)))
	case name == "TPROXY" && len(info) >= 8: // mask, mark
		r.mark(old.masked(^word(0), word(1)))
	case name == "CONNMARK" && len(info) >= 13:
		r.restored(rev, info, old.masked(^word(2), 0), word(1))
	case name == "MARK" || name == "HMARK":
		r.mark(bits{})
	}
}

// restored takes a mark from the connection, if that is what CONNMARK is to do. Its info is
// ctmark, ctmask and nfmask, then since revision 2 a shift, and the mode.
func (r *nftRule) restored(rev uint32, info []byte, v bits, ctmask uint32) {
	const restore = 2
	mode := 12
	if rev >= 2 {
		mode = 14
	}
	if len(info) <= mode || info[mode] != restore {
		return
	}
	if rev >= 2 && info[13] != 0 { // the number of bits by which the mark is shifted
		ctmask = ^uint32(0)
	}
	v.known, v.kept = v.known&^ctmask, v.kept&^ctmask
	r.mark(v)
}
