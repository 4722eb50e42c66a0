package listen

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// The reasons why a client gets no answer, beside those of a decision.
const (
	CodeFiltered    lookup.Code = lookup.Code(lookup.ShortcutReversePath) // the reverse-path filter of the uplink drops it
	CodeMartian     lookup.Code = "martian"                               // its source or destination may not come by a network; Want: the shortcut
	CodeOwnSource   lookup.Code = lookup.Code(lookup.ShortcutOwnSource)   // its source is an address of this host
	CodeNoIPv6      lookup.Code = lookup.Code(lookup.ShortcutNoIPv6)      // the uplink has IPv6 switched off
	CodeSmallMTU    lookup.Code = lookup.Code(lookup.ShortcutSmallMTU)    // the uplink's MTU is too small for IPv6
	CodeNotHere     lookup.Code = "not-local"                             // it is not delivered here; Want: the disposition
	CodeNoAnswer    lookup.Code = "no-route"                              // the answer has no route
	CodeNoSource    lookup.Code = lookup.Code(lookup.ShortcutNotLocal)    // no device has the answer's source
	CodeRefused     lookup.Code = "answer-refused"                        // a rule or a route refuses the answer; Want: the disposition, or the errno where only some are refused, Have: the errno
	CodeLoopback    lookup.Code = lookup.Code(lookup.ShortcutLoopback)    // the answer's source is a loopback address, which may not leave
	CodeOnLinkAlone lookup.Code = lookup.Code(lookup.ShortcutOnLink)      // the device that the socket is bound to has no route there
	CodeNoCarrier   lookup.Code = "answer-no-carrier"                     // the device of the answer has none, or is down; Want: its index
	CodeNowhere     lookup.Code = "answer-nowhere"                        // the device of the answer has no other end: lo, a dummy, a bridge without a port; Want: its index
	CodePort        lookup.Code = "answer-port"                           // the device of the answer belongs to another one, by which neighbours answer; Want: its index
	CodeNoIPv6Out   lookup.Code = "answer-no-ipv6"                        // the device of the answer has no IPv6; Want: its index
	CodeSilent      lookup.Code = "gateway-silent"                        // the answer's gateway did not answer the last time, and is asked again; Want: its address, Have: the device's index
	CodeUnheard     lookup.Code = "neighbours-unheard"                    // neighbours cannot be asked on the answer's device, for their answers are not delivered there; Want: its index
	CodeOtherLink   lookup.Code = "other-link"                            // the answer asks for the client on the link of another device; Want: its index
)

// uplinks are the devices by which packets can come in from other hosts: each that is up
// and has a carrier. Left out are loopback devices, devices that have no other end, and
// devices whose packets count as received on another device.
func uplinks(f *lookup.FIB) []int {
	var out []int
	s := f.Snapshot()
	for i := range s.Links {
		l := &s.Links[i]
		if !l.Carrier() || l.Kind == "vrf" || isPort(s, l) || leadsNowhere(f, l) {
			continue
		}
		out = append(out, l.Index)
	}
	return out
}

// leadsNowhere reports whether a device has no other end: lo, a dummy, a bridge without a port.
func leadsNowhere(f *lookup.FIB, l *route.Link) bool {
	return l.Flags&route.LinkLoopback != 0 || l.Kind == "dummy" || f.LacksPort(l.Index)
}

// isPort reports whether a device belongs to another device that takes the packets that it
// receives (rx_handler in net/core/dev.c).
func isPort(s *route.Snapshot, l *route.Link) bool {
	if l == nil || l.Master == 0 {
		return false
	}
	m := s.Link(l.Master)
	return m != nil && m.Kind != "vrf"
}

// asker works out views. It works out each part of them only once.
type asker struct {
	fib      *lookup.FIB
	snap     *route.Snapshot
	searcher *lookup.Searcher
	cells    []cell
	cuts     map[netip.Prefix]bool // the prefixes that cut the cells
	links    []int
	kinds    []int // of the links
	// outcomes are all different outcomes. Each of sets has places in outcomes, one for
	// each cell.
	outcomes []Outcome
	places   map[outcomeKey]int
	sets     [][]int
	setIDs   map[string]int
	ins      map[inKey]int
	outs     map[outKey]int
	seen     map[seenKey]int
	views    map[viewKey]View
	shared   map[viewsKey][]View
	vrfs     bool // there are VRFs
}

type inKey struct{ uplink, kind, in, check int }

// outKey identifies a set of answers. link says that they are the answers to clients on
// the link of the device that the answers are bound to.
type outKey struct {
	bound       int
	isBound     bool
	transparent bool
	link        bool
	kind, out   int
}

// seenKey is an outcome, and the uplink by which the packet came.
type seenKey struct{ place, uplink int }

// viewKey is all that a view is made of.
type viewKey struct {
	uplink         int
	link           bool // the address is valid only on one link
	ins, outs, own int  // sets of outcomes
}

func newAsker(f *lookup.FIB, fam route.Family) *asker {
	k := &asker{
		fib: f, snap: f.Snapshot(), searcher: f.Searcher(), links: uplinks(f), places: map[outcomeKey]int{},
		setIDs: map[string]int{}, ins: map[inKey]int{}, outs: map[outKey]int{}, seen: map[seenKey]int{}, views: map[viewKey]View{}, shared: map[viewsKey][]View{},
	}
	k.cells, k.cuts = cellsOf(f, fam)
	k.vrfs = hasVRF(k.snap)
	names := map[string]int{}
	for _, link := range k.links {
		k.kinds = append(k.kinds, number(names, f.KindOfUplink(link, fam)))
	}
	return k
}

// viewsKey is the same for addresses and sockets that have the same views.
type viewsKey struct {
	kind  kind
	alike special
	bound int
	proto uint8 // set if there is a VRF

	transparent bool
}

// viewsOf tells who reaches an address, by each uplink at which a socket takes packets.
// Addresses that are alike share the views, so they must not be changed.
func (k *asker) viewsOf(l *Local, of kind, s *route.Socket, alike special) []View {
	a := l.Addr()
	key := viewsKey{kind: of, alike: alike, bound: s.Link, transparent: s.Transparent}
	if k.vrfs {
		key.proto = s.Proto
	}
	special := isLink(a) || a.IsLoopback()
	if all, ok := k.shared[key]; ok && !special {
		return all
	}
	var all []View
	for _, up := range k.links {
		if takesFrom(k.snap, s, up) && (!isLink(a) || up == l.Link) {
			all = append(all, k.view(up, a, of, s, alike))
		}
	}
	all = slices.Clip(all)
	if !special {
		k.shared[key] = all
	}
	return all
}

// view tells who reaches an address by an uplink. It is the same for all sockets that have
// the same numbers in asked.
func (k *asker) view(uplink int, a netip.Addr, of kind, s *route.Socket, asked special) View {
	key := k.keyOf(uplink, a, of, s, asked)
	v, ok := k.views[key]
	if !ok {
		v = View{uplink, k.classes(k.labels(&key), uplink, isLink(a))}
		k.views[key] = v
	}
	return v
}

// keyOf is what a view of an address by an uplink is made of.
func (k *asker) keyOf(uplink int, a netip.Addr, of kind, s *route.Socket, asked special) viewKey {
	bound := answersBy(s, vrfOf(k.snap, uplink))
	key := viewKey{
		uplink: uplink, link: isLink(a), ins: k.in(uplink, a, of, s, asked),
		outs: k.out(outKey{bound, s.Link != 0, s.Transparent, false, of.out, asked.out}, a, s),
	}
	if a.Is6() {
		key.own = k.out(outKey{uplink, s.Link != 0, s.Transparent, true, of.out, asked.out}, a, s)
	}
	return key
}

// maxForeign is the most uplinks for which the neighbours by one device are also told as clients
// by each other one.
const maxForeign = 64

// foreign reports whether clients are neighbours by other devices than the uplink.
func (k *asker) foreign(c *cell, uplink int) bool { return len(c.home) > 0 && !c.isHome(uplink) }

// leftOut reports whether foreign clients are not told: there are too many uplinks.
func (k *asker) leftOut(c *cell, uplink int) bool {
	return len(k.links) > maxForeign && k.foreign(c, uplink)
}

// labels gives the place of the outcome of each cell.
func (k *asker) labels(key *viewKey) []int {
	ins, outs := k.sets[key.ins], k.sets[key.outs]
	labels := make([]int, len(k.cells))
	for i := range k.cells {
		c := &k.cells[i]
		switch {
		case !c.client, k.leftOut(c, key.uplink):
			labels[i] = noLabel
		case k.outcomes[ins[i]].Delivered != route.Yes:
			labels[i] = ins[i]
		case isLink(c.first):
			// The answer goes out on the same link, where clients have addresses of the
			// link's prefix.
			if labels[i] = k.from(k.sets[key.own][i], key.uplink); k.outcomes[labels[i]].Reason.Code == CodeNoAnswer {
				labels[i] = noLabel
			}
		case k.foreign(c, key.uplink):
			labels[i] = k.found(outs[i]) // a neighbour by another device is on its link
		default:
			labels[i] = k.from(outs[i], key.uplink)
		}
	}
	return labels
}

// set gives the number of a list of places, which has one place for each cell.
func (k *asker) set(all []int) int {
	var text []byte
	for _, place := range all {
		text = binary.AppendUvarint(text, uint64(place))
	}
	id := number(k.setIDs, string(text))
	if id == len(k.sets) {
		k.sets = append(k.sets, all)
	}
	return id
}

// in is the set of the outcomes of the packets of all clients, until they get to the
// sockets.
func (k *asker) in(uplink int, a netip.Addr, of kind, s *route.Socket, asked special) int {
	key := inKey{k.kinds[slices.Index(k.links, uplink)], of.in, asked.in, asked.check}
	if isLink(a) || a.IsLoopback() && (a.Is6() || k.fib.RoutesLocalnet(uplink)) {
		key.uplink = -uplink
	}
	if id, ok := k.ins[key]; ok {
		return id
	}
	all := make([]int, len(k.cells))
	for i := range k.cells {
		if k.cells[i].client {
			d := k.searcher.Lookup(route.Flow{
				Dst: a, Src: k.cells[i].first, In: uplink, UID: route.NoUID, Proto: s.Proto, SrcPort: clientPort, DstPort: s.Local.Port(),
			})
			all[i] = k.place(arrival(&d))
		}
	}
	k.ins[key] = k.set(all)
	return k.ins[key]
}

// out is the set of the outcomes of the answers to all clients.
func (k *asker) out(key outKey, a netip.Addr, s *route.Socket) int {
	if id, ok := k.outs[key]; ok {
		return id
	}
	all := make([]int, len(k.cells))
	for i := range k.cells {
		if c := &k.cells[i]; c.client && isLink(c.first) == key.link {
			all[i] = k.back(c, a, key.bound, s)
		}
	}
	k.outs[key] = k.set(all)
	return k.outs[key]
}

// back is the outcome of the answer to a client.
func (k *asker) back(c *cell, a netip.Addr, bound int, s *route.Socket) int {
	d := k.searcher.Lookup(route.Flow{
		Dst: c.first, Src: a, Out: bound, Bound: s.Link != 0, Mark: s.Mark, UID: s.UID, Proto: s.Proto,
		SrcPort: s.Local.Port(), DstPort: clientPort, Transparent: s.Transparent,
	})
	return k.place(k.answer(&d, c.first, a, c.isHome(bound)))
}

// from is an answer's outcome if the packet came in by an uplink. A client that is asked
// for on the link of another device is not found there.
func (k *asker) from(place, uplink int) int {
	o := k.outcomes[place]
	if len(o.direct) == 0 {
		return place
	}
	key := seenKey{place, uplink}
	if p, ok := k.seen[key]; ok {
		return p
	}
	elsewhere := func(link int) bool { return link != uplink && slices.Contains(o.direct, link) }
	if at := slices.IndexFunc(o.By, elsewhere); at >= 0 && o.Reason.Code != CodeSilent {
		o.Reason = lookup.Reason{Code: CodeOtherLink, Want: o.By[at]}
	}
	o.By = slices.DeleteFunc(slices.Clone(o.By), elsewhere)
	o.settle()
	o.direct = nil
	k.seen[key] = k.place(o)
	return k.seen[key]
}

// found is an answer's outcome if the client is on the link where it is asked for.
func (k *asker) found(place int) int {
	o := k.outcomes[place]
	if len(o.direct) == 0 {
		return place
	}
	o.direct = nil
	return k.place(o)
}

// arrival is the outcome of the decision about a packet, without that about the answer.
func arrival(d *lookup.Decision) Outcome {
	o := Outcome{Delivered: route.No, Answered: route.No}
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return Outcome{Reason: d.Ambiguous}
	case d.Disposition == lookup.DispositionLocal, d.Disposition == lookup.DispositionAnycast:
		return Outcome{Delivered: route.Yes}
	case d.Shortcut == lookup.ShortcutNoIPv6:
		o.Reason.Code = CodeNoIPv6
	case d.Shortcut == lookup.ShortcutSmallMTU:
		o.Reason.Code = CodeSmallMTU
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

// answer is the outcome of the decision about an answer to a client from an address of
// this host. neighbour says that the client is in a network of the device that the socket
// is bound to.
func (k *asker) answer(d *lookup.Decision, c, a netip.Addr, neighbour bool) Outcome {
	o := Outcome{Delivered: route.Yes, Answered: route.No}
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		o.Answered, o.Reason = route.Unknown, d.Ambiguous
	case d.Disposition == lookup.DispositionNoRoute || d.Disposition.Success() && len(d.NextHops) == 0:
		o.Reason.Code = CodeNoAnswer
	case d.Shortcut == lookup.ShortcutLoopback:
		o.Reason.Code = CodeLoopback
	case d.Shortcut == lookup.ShortcutNotLocal:
		o.Reason.Code = CodeNoSource
	case !d.Disposition.Success():
		o.Reason = lookup.Reason{Code: CodeRefused, Want: d.Disposition.String(), Have: d.Errno.String()}
	case d.Shortcut == lookup.ShortcutOnLink && !neighbour && k.fib.HasNeighbours(d.NextHops[0].Link):
		// The device is used because there is no route, but nobody on its link answers
		// for addresses of other networks. A device without neighbours, such as a tunnel,
		// sends the answer to its other end.
		o.Reason.Code = CodeOnLinkAlone
	default:
		o.Answered = route.Yes
		k.leave(&o, d, c, a)
	}
	return o
}

// leave finds the devices by which an answer leaves.
func (k *asker) leave(o *Outcome, d *lookup.Decision, c, a netip.Addr) {
	switch {
	case d.SomeRefused != 0 && d.Src.IsLoopback():
		o.Reason.Code = CodeLoopback
	case d.SomeRefused != 0:
		o.Reason = lookup.Reason{Code: CodeRefused, Want: d.SomeRefused.String(), Have: d.SomeRefused.String()}
	}
	silent := lookup.Reason{}
	add := func(to *[]int, link int) {
		if !slices.Contains(*to, link) {
			*to = append(*to, link)
		}
	}
	for i := range d.NextHops {
		w := &d.NextHops[i]
		l := k.snap.Link(w.Link)
		switch {
		case w.Stale:
			continue
		case l != nil && !l.Carrier():
			o.Reason = lookup.Reason{Code: CodeNoCarrier, Want: w.Link}
			continue
		case l != nil && leadsNowhere(k.fib, l) && w.Via.Encap == 0 && d.Disposition == lookup.DispositionUnicast:
			o.Reason = lookup.Reason{Code: CodeNowhere, Want: w.Link}
			continue
		case c.Is6() && k.fib.Without6(w.Link):
			o.Reason = lookup.Reason{Code: CodeNoIPv6Out, Want: w.Link}
			continue
		case isPort(k.snap, l) && k.fib.HasNeighbours(w.Link):
			o.Reason = lookup.Reason{Code: CodePort, Want: w.Link}
			continue
		case k.fib.SilentGateway(w).IsValid() && (w.Gateway.IsValid() || c.Is4()):
			silent = lookup.Reason{Code: CodeSilent, Want: k.fib.SilentGateway(w), Have: w.Link}
			add(&o.silent, w.Link)
			continue
		case c.Is6() && k.fib.Unheard(&route.Flow{Dst: c, Src: a}, w):
			o.Reason = lookup.Reason{Code: CodeUnheard, Want: w.Link}
			continue
		case !w.Gateway.IsValid() && k.fib.HasNeighbours(w.Link):
			o.direct = append(o.direct, w.Link)
		}
		add(&o.By, w.Link)
	}
	if silent.Code != "" {
		o.Reason = silent
	}
	slices.Sort(o.By)
	o.settle()
}

// settle corrects Answered if the answer leaves by no device. It is unknown if there is a
// gateway that did not answer the last time, because that is asked once more.
func (o *Outcome) settle() {
	switch {
	case len(o.By) > 0:
	case len(o.silent) > 0:
		o.Answered = route.Unknown
	default:
		o.Answered = route.No
	}
}

// place is the index of an outcome among all outcomes.
func (k *asker) place(o Outcome) int {
	var by []byte
	for _, link := range o.By {
		by = binary.AppendVarint(by, int64(link))
	}
	for _, link := range o.direct {
		by = binary.AppendVarint(by, -int64(link))
	}
	for _, link := range o.silent {
		by = binary.AppendVarint(append(by, 0), int64(link))
	}
	key := outcomeKey{delivered: o.Delivered, answered: o.Answered, reason: o.Reason, by: string(by)}
	at, ok := k.places[key]
	if !ok {
		at = len(k.outcomes)
		k.outcomes, k.places[key] = append(k.outcomes, o), at
	}
	return at
}
