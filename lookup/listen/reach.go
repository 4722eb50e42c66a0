package listen

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"routewhy/lookup"
	"routewhy/route"
)

// Outcome is what becomes of a packet from a client to an address of this host, and of the
// answer to it.
type Outcome struct {
	// Delivered says whether the packet gets to the sockets of this host, Answered
	// whether the answer leaves it.
	Delivered, Answered route.Tristate
	// By are the devices that the answer may leave by, in ascending order.
	By []int
	// Reason is why not, or why that is not known; the zero Reason: both are so.
	Reason lookup.Reason
}

// The reasons why a client gets no answer, beside those of a decision.
const (
	CodeFiltered    lookup.Code = "reverse-path"    // the reverse-path filter of the uplink drops it
	CodeMartian     lookup.Code = "martian"         // its source or destination may not come by a network; Want: the shortcut
	CodeOwnSource   lookup.Code = "own-source"      // its source is an address of this host
	CodeNoIPv6      lookup.Code = "ipv6-disabled"   // the uplink has IPv6 switched off
	CodeNotHere     lookup.Code = "not-local"       // it is not delivered here; Want: the disposition
	CodeNoAnswer    lookup.Code = "no-route"        // the answer has no route
	CodeRefused     lookup.Code = "refused"         // a rule or a route refuses the answer; Want: the disposition, Have: the errno
	CodeLoopback    lookup.Code = "loopback-source" // the answer's source is a loopback address, which may not leave
	CodeOnLinkAlone lookup.Code = "assumed-on-link" // the device that the socket is bound to has no route there
	CodeNoCarrier   lookup.Code = "no-carrier"      // the device of the answer has none, or is down; Want: its index
)

// Good reports whether a client gets an answer by the device that it came by, and other
// whether only by another one, or perhaps by another one.
func (o *Outcome) Good(uplink int) bool {
	return o.Answered == route.Yes && len(o.By) == 1 && o.By[0] == uplink
}

// Class are clients that are treated alike.
type Class struct {
	// Clients are prefixes of their addresses. Of all classes of a view, the longest
	// prefix that covers a client says which one it is in.
	Clients []netip.Prefix
	// Near says that all of them are in networks of the uplink.
	Near bool
	Outcome
}

// View is who reaches an address by one device. Clients that are in the network of
// another device are left out: they come by that one.
type View struct {
	Uplink  int
	Classes []Class // the first has the prefix of length 0
}

// Reached reports whether some clients, or those outside the uplink's own networks, get
// an answer.
func (v *View) Reached() (some, far bool) {
	for i := range v.Classes {
		c := &v.Classes[i]
		some = some || c.Answered == route.Yes
		far = far || c.Answered == route.Yes && !c.Near
	}
	return some, far
}

// Uncertain reports whether it is not known of some clients.
func (v *View) Uncertain() bool {
	return slices.ContainsFunc(v.Classes, func(c Class) bool { return c.Delivered == route.Unknown || c.Answered == route.Unknown })
}

// uplinks are the devices that packets can come by from other hosts: each that is up and
// has a carrier, but loopback, those that have no other end, and those whose packets
// count as received on another device.
func uplinks(s *route.Snapshot) []int {
	var out []int
	for i := range s.Links {
		l := &s.Links[i]
		if !l.Carrier() || l.Flags&route.LinkLoopback != 0 || l.Kind == "dummy" || l.Kind == "vrf" || isPort(s, l) {
			continue
		}
		out = append(out, l.Index)
	}
	return out
}

// isPort reports whether a device belongs to another one that takes what it receives
// (rx_handler in net/core/dev.c).
func isPort(s *route.Snapshot, l *route.Link) bool {
	m := s.Link(l.Master)
	return l.Master != 0 && m != nil && m.Kind != "vrf"
}

// asker works out views, each part of which is worked out once.
type asker struct {
	fib      *lookup.FIB
	snap     *route.Snapshot
	searcher *lookup.Searcher
	cells    []cell
	links    []int
	// outcomes are all that there are; ins and outs are places in them, for each cell.
	outcomes []Outcome
	places   map[outcomeKey]int
	ins      map[inKey][]int
	outs     map[outKey][]int
	views    map[viewKey]View
}

type inKey struct {
	uplink       int
	kind, socket string
}

type outKey struct {
	bound        int
	kind, socket string
}

// viewKey is all that a view is made of.
type viewKey struct {
	uplink int
	link   bool   // the address has a meaning on one link alone
	labels string // of the cells
}

// special is what of a socket rules ask for, in its packets and in its answers: the same
// texts for sockets whose packets and answers the same rules select.
type special struct{ in, out string }

func newAsker(f *lookup.FIB, fam route.Family) *asker {
	return &asker{
		fib: f, snap: f.Snapshot(), searcher: f.Searcher(), cells: cellsOf(f, fam), links: uplinks(f.Snapshot()), places: map[outcomeKey]int{},
		ins: map[inKey][]int{}, outs: map[outKey][]int{}, views: map[viewKey]View{},
	}
}

// view is who reaches an address by an uplink, at a socket that is like all others with the
// same text.
func (k *asker) view(uplink int, a netip.Addr, kind string, s *route.Socket, socket special) View {
	bound := s.Link
	if bound == 0 {
		bound = vrfOf(k.snap, uplink)
	}
	ins, outs := k.in(uplink, a, kind, s, socket.in), k.out(bound, a, kind, s, socket.out)
	labels := make([]int, len(k.cells))
	for i := range k.cells {
		c := &k.cells[i]
		switch {
		case !c.client || len(c.home) > 0 && !slices.Contains(c.home, uplink):
			labels[i] = noLabel
		case k.outcomes[ins[i]].Delivered != route.Yes:
			labels[i] = ins[i]
		case isLink(c.first):
			// It answers on the same link, where clients have addresses of its prefix.
			if labels[i] = k.back(c, a, uplink, s); k.outcomes[labels[i]].Reason.Code == CodeNoAnswer {
				labels[i] = noLabel
			}
		default:
			labels[i] = outs[i]
		}
	}
	var text []byte
	for _, label := range labels {
		text = binary.AppendVarint(text, int64(label))
	}
	key := viewKey{uplink, isLink(a), string(text)}
	v, ok := k.views[key]
	if !ok {
		v = View{uplink, k.classes(labels, uplink, isLink(a))}
		k.views[key] = v
	}
	return v
}

// in are the outcomes of the packets of all clients, as far as the sockets.
func (k *asker) in(uplink int, a netip.Addr, kind string, s *route.Socket, socket string) []int {
	key := inKey{uplink, kind, socket}
	if all, ok := k.ins[key]; ok {
		return all
	}
	all := make([]int, len(k.cells))
	for i := range k.cells {
		if k.cells[i].client {
			d := k.searcher.Lookup(route.Flow{
				Dst: a, Src: k.cells[i].first, In: uplink, UID: route.NoUID, Proto: s.Proto, DstPort: s.Local.Port(),
			})
			all[i] = k.place(arrival(&d))
		}
	}
	k.ins[key] = all
	return all
}

// out are the outcomes of the answers to all clients, of a socket that is bound to a device.
func (k *asker) out(bound int, a netip.Addr, kind string, s *route.Socket, socket string) []int {
	key := outKey{bound, kind, socket}
	if all, ok := k.outs[key]; ok {
		return all
	}
	all := make([]int, len(k.cells))
	for i := range k.cells {
		if k.cells[i].client {
			all[i] = k.back(&k.cells[i], a, bound, s)
		}
	}
	k.outs[key] = all
	return all
}

// back is the outcome of the answer to a client.
func (k *asker) back(c *cell, a netip.Addr, bound int, s *route.Socket) int {
	d := k.searcher.Lookup(route.Flow{
		Dst: c.first, Src: a, Out: bound, Bound: s.Link != 0, Mark: s.Mark, UID: s.UID, Proto: s.Proto, SrcPort: s.Local.Port(),
	})
	return k.place(k.answer(&d, slices.Contains(c.home, bound)))
}

// arrival is the outcome of a packet's decision, before the answer's.
func arrival(d *lookup.Decision) Outcome {
	o := Outcome{Delivered: route.No, Answered: route.No}
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return Outcome{Reason: d.Ambiguous}
	case d.Disposition == lookup.DispositionLocal, d.Disposition == lookup.DispositionAnycast:
		return Outcome{Delivered: route.Yes}
	case d.Shortcut == lookup.ShortcutNoIPv6:
		o.Reason.Code = CodeNoIPv6
	case d.Shortcut == lookup.ShortcutReversePath:
		o.Reason.Code = CodeFiltered
	case d.Shortcut == lookup.ShortcutOwnSource:
		o.Reason.Code = CodeOwnSource
	case d.Shortcut == lookup.ShortcutMartianDst, d.Shortcut == lookup.ShortcutMartianSrc:
		o.Reason = lookup.Reason{Code: CodeMartian, Want: string(d.Shortcut)}
	default:
		o.Reason = lookup.Reason{Code: CodeNotHere, Want: d.Disposition.String()}
	}
	return o
}

// answer is the outcome of an answer's decision. neighbour: the client is in a network of
// the device that the socket is bound to.
func (k *asker) answer(d *lookup.Decision, neighbour bool) Outcome {
	o := Outcome{Delivered: route.Yes, Answered: route.No}
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		o.Answered, o.Reason = route.Unknown, d.Ambiguous
	case d.Disposition == lookup.DispositionNoRoute || d.Disposition.Success() && len(d.NextHops) == 0:
		o.Reason.Code = CodeNoAnswer
	case d.Shortcut == lookup.ShortcutLoopback:
		o.Reason.Code = CodeLoopback
	case !d.Disposition.Success():
		o.Reason = lookup.Reason{Code: CodeRefused, Want: d.Disposition.String(), Have: d.Errno.String()}
	case d.Shortcut == lookup.ShortcutOnLink && !neighbour:
		// The device stands in for a missing route, but nobody on its link answers for
		// other networks.
		o.Reason.Code = CodeOnLinkAlone
	default:
		o.Answered = route.Yes
		k.leave(&o, d)
	}
	return o
}

// leave sets by which devices an answer leaves.
func (k *asker) leave(o *Outcome, d *lookup.Decision) {
	dead := 0
	for i := range d.NextHops {
		link := d.NextHops[i].Link
		if l := k.snap.Link(link); l != nil && !l.Carrier() {
			dead = link
		} else if !slices.Contains(o.By, link) {
			o.By = append(o.By, link)
		}
	}
	if len(o.By) == 0 {
		o.Answered, o.Reason = route.No, lookup.Reason{Code: CodeNoCarrier, Want: dead}
	}
	slices.Sort(o.By)
}

// place is where an outcome stands among all.
func (k *asker) place(o Outcome) int {
	key := outcomeKey{delivered: o.Delivered, answered: o.Answered, reason: o.Reason}
	for _, link := range o.By {
		key.by += strconv.Itoa(link) + " "
	}
	at, ok := k.places[key]
	if !ok {
		at = len(k.outcomes)
		k.outcomes, k.places[key] = append(k.outcomes, o), at
	}
	return at
}

type outcomeKey struct {
	delivered, answered route.Tristate
	reason              lookup.Reason
	by                  string
}

// classes joins the cells of each outcome. allNear: none of the clients is behind a router.
func (k *asker) classes(labels []int, uplink int, allNear bool) []Class {
	near, size := map[int]bool{}, map[int]float64{}
	for i, label := range labels {
		if label == noLabel {
			continue
		}
		isNear := allNear || slices.Contains(k.cells[i].home, uplink) || isLink(k.cells[i].first)
		if _, ok := near[label]; !ok {
			near[label] = true
		}
		near[label] = near[label] && isNear
		if !isNear {
			size[label] += k.size(i)
		}
	}
	if len(near) == 0 {
		return nil
	}
	most := -1
	for label := range near {
		if most < 0 || cmp.Or(cmp.Compare(size[label], size[most]), most-label) > 0 {
			most = label
		}
	}
	var out []Class
	at := map[int]int{}
	for _, p := range prefixes(k.cells, labels, most) {
		if _, ok := at[p.label]; !ok {
			at[p.label] = len(out)
			out = append(out, Class{Near: near[p.label], Outcome: k.outcomes[p.label]})
		}
		c := &out[at[p.label]]
		c.Clients = append(c.Clients, p.prefix)
	}
	return out
}

// size is about how many addresses a cell has.
func (k *asker) size(i int) float64 {
	end := math.Ldexp(1, k.cells[i].first.BitLen())
	if i+1 < len(k.cells) {
		end = number(k.cells[i+1].first)
	}
	return end - number(k.cells[i].first)
}

func number(a netip.Addr) float64 {
	n := 0.0
	for _, b := range a.AsSlice() {
		n = n*256 + float64(b)
	}
	return n
}
