package record

import (
	"bufio"
	"errors"
	"iter"
	"os"
	"slices"
	"time"

	"routewhy/route"
	"routewhy/route/kernel"
)

// Base is the state of a host at the time at which rtmon(8) was started. The files of rtmon
// have only its devices.
type Base struct {
	Snapshot *route.Snapshot
	Routes   *route.List
}

// monitor is a file that rtmon wrote.
type monitor struct {
	path        string
	base        *Base
	first, last time.Time
	damaged     bool
}

// errSwapped says that a file is from a machine of another kind.
var errSwapped = errors.New("is what rtmon wrote on a machine of the other byte order")

// openMonitor reads from when to when a file of rtmon tells something; nil: it is none.
func openMonitor(path string) (*monitor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	head, _ := b.Peek(24)
	switch {
	case kernel.IsSwappedMonitor(head):
		return nil, errSwapped
	case !kernel.IsMonitor(head):
		return nil, nil
	}
	m := &monitor{path: path}
	err = kernel.DecodeMonitor(b, func(e *route.Event, _ bool) error {
		if m.first.IsZero() {
			m.first = e.Time
		}
		m.last = e.Time
		return nil
	})
	var damaged *kernel.DamagedError
	if errors.As(err, &damaged) {
		m.damaged, err = true, nil
	}
	if err == nil && m.first.IsZero() {
		err = errors.New("has no event that is about routing")
	}
	return m, err
}

// steps gives the state at the beginning of the file, and then its events.
func (m *monitor) steps() iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		f, err := os.Open(m.path)
		if err != nil {
			yield(Step{}, err)
			return
		}
		defer f.Close()
		p := &monitorPlayer{monitor: m, yield: yield}
		err = kernel.DecodeMonitor(bufio.NewReader(f), p.event)
		var damaged *kernel.DamagedError
		switch {
		case errors.Is(err, errStop):
		case errors.As(err, &damaged):
			if p.begin() {
				yield(Step{Time: m.last, Gap: &Gap{From: m.last, Damaged: true}}, nil)
			}
		case err != nil:
			yield(Step{}, err)
		default:
			p.begin()
		}
	}
}

// errStop ends the reading because nobody wants more.
var errStop = errors.New("stop")

type monitorPlayer struct {
	*monitor
	yield  func(Step, error) bool
	listed []route.Event
	begun  bool
}

func (p *monitorPlayer) event(e *route.Event, listed bool) error {
	if listed && !p.begun {
		if p.base == nil && len(p.listed) > maxListed {
			return errors.New("more objects were there at its start than can be")
		}
		p.listed = append(p.listed, *e)
		return nil
	}
	if !p.begin() || !p.yield(Step{Time: e.Time, Event: e}, nil) {
		return errStop
	}
	return nil
}

const maxListed = 1 << 20

// begin gives the state at the beginning. False: nobody wants more.
func (p *monitorPlayer) begin() bool {
	if p.begun {
		return true
	}
	p.begun = true
	s, routes := p.state()
	if !p.yield(Step{Time: p.first, Snapshot: s, Routes: routes}, nil) {
		return false
	}
	if p.base == nil {
		return true
	}
	for i := range p.listed {
		e := &p.listed[i]
		if !p.yield(Step{Time: e.Time, Event: e}, nil) {
			return false
		}
	}
	return true
}

// state is the state at the beginning: the one that is given, or what the file lists.
func (p *monitorPlayer) state() (*route.Snapshot, *route.List) {
	if p.base != nil {
		s := *p.base.Snapshot
		s.Time = p.first
		return &s, p.base.Routes
	}
	s := &route.Snapshot{Time: p.first, Labels: route.DefaultLabels()}
	up := false
	for i := range p.listed {
		if l := p.listed[i].Link; l != nil && !slices.ContainsFunc(s.Links, func(x route.Link) bool { return x.Index == l.Index || x.Name == l.Name }) {
			s.Links = append(s.Links, *l)
			up = up || l.Up()
		}
	}
	s.SortLinks()
	gap := func(f route.Fact, fam route.Family, assumed bool) {
		s.Gaps = append(s.Gaps, route.Gap{Fact: f, Family: fam, Assumed: assumed, Why: notListed})
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		s.Rules = append(s.Rules, route.DefaultRules(fam)...)
		gap(route.FactRules, fam, true)
		if up { // otherwise there were no routes
			gap(route.FactRoutes, fam, false)
			gap(route.FactAddrs, fam, false)
		}
	}
	if up {
		gap(route.FactNextHops, 0, false)
		gap(route.FactNeighbours, 0, false)
	}
	gap(route.FactSysctls, 0, false)
	gap(route.FactLabels, route.IPv6, true)
	gap(route.FactMerged, route.IPv4, false)
	return s, new(route.List)
}

// notListed says why something is not known at the beginning of rtmon's files.
const notListed = "rtmon writes only the devices at its start"
