package history

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"routewhy/lookup"
	"routewhy/route"
)

// Moment is one thing that is known of a host's history. Exactly one of the fields besides
// Time and Next is set, or none: then it is known that nothing more happened until Time.
type Moment struct {
	Time time.Time
	// State gives the whole state at that time.
	State route.Source
	// Event is a change.
	Event *route.Event
	// Missing says that a part of the history is missing before Time.
	Missing *Missing
	// Next is the earliest time of what comes later. It is before Time if the clock was set back.
	// The zero value: the clock was not.
	Next time.Time
}

// over reports whether neither this nor anything that comes later was until a time.
func (m *Moment) over(until time.Time) bool {
	return m.Time.After(until) && (m.Next.IsZero() || m.Next.After(until))
}

// Missing is a part of a history that is missing.
type Missing struct {
	// From is when it begins.
	From time.Time
	// Damaged says that it was recorded but cannot be read.
	Damaged bool
}

// Past is the state of a host at a time.
type Past struct {
	// FIB has all routes; nil: no state is known.
	FIB *lookup.FIB
	// Time is when it was known that the host was in this state. It is before the time that
	// was asked about, or the time of the first known state.
	Time time.Time
	// Ended says that the history ends at Time, before the time that was asked about.
	Ended bool
	// Missing is the missing part of the history that was asked about; nil: none.
	Missing *Missing
}

// At gives the state at a time: the last known state before it, and what happened until
// then. If the clock was set back, and so it was that time twice, the second one is meant.
func At(ctx context.Context, moments iter.Seq2[Moment, error], at time.Time) (*Past, error) {
	p := &Past{Ended: true}
	var rules rules6
	var lives lifetimes
	for m, err := range moments {
		if err != nil {
			return nil, err
		}
		if p.FIB != nil && m.over(at) {
			p.Ended, p.Missing = false, m.Missing
			lives = lives.through(p.Time, m.Time)
			break
		}
		lives = lives.through(p.Time, m.Time)
		switch {
		case m.State != nil:
			if p.FIB, err = lookup.Read(ctx, m.State, &lookup.Need{Query: route.Query{AllDevices: true}}); err != nil {
				return nil, err
			}
			rules.read(p.FIB.Snapshot())
			lives = lifetimesOf(p.FIB, m.Time)
		case p.FIB != nil && m.Event != nil:
			p.FIB = rules.apply(p.FIB, m.Event)
			lives = lives.happened(m.Event)
		}
		if m.Missing == nil {
			p.Time = m.Time
		} else {
			p.Missing = m.Missing
		}
		if m.State != nil {
			p.Missing = nil
		}
	}
	if known := p.Time; p.FIB != nil {
		if !p.Ended && p.Missing == nil && known.Before(at) {
			known = at
		}
		p.FIB, lives = lives.over(p.FIB, known)
		p.FIB = lives.aged(p.FIB, known)
	}
	return p, nil
}

// Whole are the facts of a FIB that has all routes.
func Whole(f *lookup.FIB) (*route.Snapshot, *route.List) {
	s := *f.Snapshot()
	s.Routes = nil
	list, edit := new(route.List), f.Edit()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range edit.Tables(fam) {
			edit.Routes(fam, id, func(dst netip.Prefix, routes []*route.Route) bool {
				for _, r := range routes {
					one := *r
					one.Dst = dst
					list.Add(&one)
				}
				return true
			})
		}
	}
	return &s, list
}
