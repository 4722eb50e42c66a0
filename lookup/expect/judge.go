package expect

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
)

// verdict says whether one decision is as expected.
type verdict struct {
	state State
	word  Word
	some  bool
	share float64
	// src is the source of the second look-up, which the verdict is about; the zero Addr:
	// it is about the first.
	src     netip.Addr
	sockets Sockets
}

// same reports whether two verdicts say the same of the same packets.
func (v verdict) same(o verdict) bool {
	return v.word == o.word && v.src == o.src && v.sockets == o.sockets
}

// judge compares a decision with what is expected.
func (q *Question) judge(d *lookup.Decision) verdict {
	w := &q.Wanted
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return verdict{state: Unknown}
	case w.Fate != "":
		if v := w.fate(d); v.state != OK {
			return v
		}
	case !d.Disposition.Success():
		return verdict{state: No, word: w.first()}
	}
	if d.SomeRefused != 0 && w.Fate != command.FateNone && w.Fate != command.FateRefused {
		return verdict{state: No, word: w.first(), some: true, share: d.RefusedShare}
	}
	if w.HasTable && (!d.HasRoute || d.Route.Table != w.Table) {
		return verdict{state: No, word: WordTable}
	}
	for _, one := range []struct {
		word  Word
		asked bool
		met   func(*lookup.NextHop) State
	}{
		{WordDev, w.Link != 0, w.dev}, {WordVia, w.Via.IsValid(), w.via}, {WordSrc, w.Src.IsValid(), w.src},
	} {
		if !one.asked {
			continue
		}
		if v := overHops(d, one.word, one.met); v.state != OK {
			return v
		}
	}
	if d.MayRefuse != 0 {
		return verdict{state: Unknown, word: w.first()}
	}
	return verdict{state: OK}
}

// first is the first expected word that a packet which goes nowhere does not meet.
func (w *Wanted) first() Word {
	switch {
	case w.Fate == command.FateLocal:
		return WordLocal
	case w.Link != 0:
		return WordDev
	case w.Via.IsValid():
		return WordVia
	case w.HasTable:
		return WordTable
	}
	return WordSrc
}

// fate judges what happens to a packet that should not be sent.
func (w *Wanted) fate(d *lookup.Decision) verdict {
	is := false
	switch w.Fate {
	case command.FateNone:
		is = d.Disposition == lookup.DispositionNoRoute
	case command.FateRefused:
		is = !d.Disposition.Success() && d.Disposition != lookup.DispositionNoRoute
	case command.FateLocal:
		is = d.Disposition == lookup.DispositionLocal || d.Disposition == lookup.DispositionAnycast
	}
	if is {
		return verdict{state: OK}
	}
	v := verdict{state: No, word: Word(w.Fate)}
	if w.Fate == command.FateRefused && d.SomeRefused != 0 { // the other flows get out
		v.some = true
		if d.RefusedShare != 0 {
			v.share = 1 - d.RefusedShare
		}
	}
	return v
}

// overHops judges every next hop that the kernel may take. If a hash chooses, each next hop
// is taken by some flows. If something else chooses that nobody can see, all flows may take
// the same one.
func overHops(d *lookup.Decision, word Word, met func(*lookup.NextHop) State) verdict {
	hashed := d.Ambiguous.Code == lookup.CodeMultipath || d.Ambiguous.Code == lookup.CodeResilient
	ok, no, unknown, share := 0, 0, 0, 0.0
	for i := range d.NextHops {
		h := &d.NextHops[i]
		switch s := met(h); {
		case s == OK:
			ok++
		case s == Unknown || h.Stale:
			unknown++
		default:
			no++
			share += h.Share
		}
	}
	switch {
	case no == 0 && unknown == 0 && ok > 0:
		return verdict{state: OK}
	case no > 0 && ok == 0 && unknown == 0 || len(d.NextHops) == 0:
		return verdict{state: No, word: word}
	case no > 0 && hashed:
		return verdict{state: No, word: word, some: true, share: share}
	}
	return verdict{state: Unknown, word: word, some: true}
}

func whether(met bool) State {
	if met {
		return OK
	}
	return No
}

// dev judges the device of a next hop. If a packet is delivered to this host, the device of
// its route is also correct, as `ip route show table local` names it, and not only lo.
func (w *Wanted) dev(h *lookup.NextHop) State {
	return whether(h.Link == w.Link || h.Via.Link == w.Link)
}

func (w *Wanted) via(h *lookup.NextHop) State { return whether(h.Gateway == w.Via) }

// src judges the source that a packet gets at a next hop.
func (w *Wanted) src(h *lookup.NextHop) State {
	in := func(a netip.Addr) bool { return a.IsValid() && w.Src.Contains(a) }
	if h.SrcOneOf != nil {
		n := 0
		for _, a := range h.SrcOneOf {
			if in(a) {
				n++
			}
		}
		if n > 0 && n < len(h.SrcOneOf) {
			return Unknown
		}
		return whether(n > 0)
	}
	if h.OtherSrc.IsValid() && in(h.OtherSrc) != in(h.Src) {
		return Unknown
	}
	return whether(in(h.Src))
}
