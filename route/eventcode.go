package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// eventText is an event as a record has it, in JSON. Its objects are written as in a
// snapshot file.
type eventText struct {
	Time      time.Time       `json:"time"`
	Gone      bool            `json:"gone,omitzero"`
	Replaces  bool            `json:"replaces,omitzero"`
	Appends   bool            `json:"appends,omitzero"`
	Lost      bool            `json:"lost,omitzero"`
	Route     *Route          `json:"route,omitempty"`
	Rule      json.RawMessage `json:"rule,omitempty"`
	Addr      *Addr           `json:"address,omitempty"`
	Link      json.RawMessage `json:"link,omitempty"`
	NextHop   *NextHopObject  `json:"nexthop,omitempty"`
	Neighbour *Neighbour      `json:"neighbour,omitempty"`
	Port      uint32          `json:"port,omitzero"`
	By        *Requester      `json:"by,omitempty"`
}

// EncodeEvent gives an event as one line of JSON, without the line feed.
func EncodeEvent(e *Event) ([]byte, error) {
	t := eventText{
		Time: e.Time, Gone: e.Gone, Replaces: e.Replaces, Appends: e.Appends, Lost: e.Lost,
		Route: e.Route, NextHop: e.NextHop, Neighbour: e.Neighbour, Port: e.Port, By: e.By.text(),
	}
	var err, err2 error
	if e.Rule != nil {
		r := *e.Rule
		r.Selector.In, r.Selector.Out = toText(r.Selector.In), toText(r.Selector.Out)
		r.SuppressPrefixLen = min(r.SuppressPrefixLen, IPv6.Bits()) // the kernel accepts lengths that no prefix can have
		t.Rule, err = json.Marshal(&r)
	}
	if e.Link != nil {
		l := *e.Link
		l.Name, l.Kind = toText(l.Name), toText(l.Kind)
		t.Link, err2 = json.Marshal(&l)
	}
	if e.Addr != nil {
		a := *e.Addr
		a.Label = toText(a.Label)
		t.Addr = &a
	}
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	return json.Marshal(&t)
}

// maxParents is how many parents of a process are read.
const maxParents = 8

// DecodeEvent reads an event that [EncodeEvent] wrote, and checks it as [Decode] checks the
// elements of a snapshot.
func DecodeEvent(raw []byte) (*Event, error) {
	var t eventText
	if err := strict(raw, &t); err != nil {
		return nil, err
	}
	e := &Event{
		Time: t.Time, Gone: t.Gone, Replaces: t.Replaces, Appends: t.Appends, Lost: t.Lost,
		Route: t.Route, Addr: t.Addr, NextHop: t.NextHop, Neighbour: t.Neighbour, Port: t.Port, By: t.By,
	}
	if t.Rule != nil {
		e.Rule = &Rule{SuppressPrefixLen: -1, SuppressGroup: -1}
		if err := strict(t.Rule, e.Rule); err != nil {
			return nil, err
		}
		e.Rule.Selector.In, e.Rule.Selector.Out = fromText(e.Rule.Selector.In), fromText(e.Rule.Selector.Out)
	}
	if t.Link != nil {
		e.Link = &Link{PeerNetNS: -1}
		if err := strict(t.Link, e.Link); err != nil {
			return nil, err
		}
		e.Link.Name, e.Link.Kind = fromText(e.Link.Name), fromText(e.Link.Kind)
	}
	if e.Addr != nil {
		e.Addr.Label = fromText(e.Addr.Label)
	}
	restoreRequester(e.By)
	return e, e.check()
}

// restoreRequester undoes what toText did to the names of a process and its parents. Of the
// parents, it keeps maxParents at most.
func restoreRequester(r *Requester) {
	for n := 0; r != nil; n++ {
		*r = *r.withNames(fromText)
		if n == maxParents {
			r.Parent = nil
		}
		r = r.Parent
	}
}

// withNames is a copy with other names; nil: there is nobody.
func (r *Requester) withNames(f func(string) string) *Requester {
	if r == nil {
		return nil
	}
	out := *r
	out.Comm, out.Unit, out.Container = f(r.Comm), f(r.Unit), f(r.Container)
	return &out
}

// text is a copy whose names, and those of its parents, are as in a file.
func (r *Requester) text() *Requester {
	out := r.withNames(toText)
	if out != nil {
		out.Parent = r.Parent.text()
	}
	return out
}

// check returns an error if the event is about something that no kernel has.
func (e *Event) check() error {
	var err error
	objects := 0
	has := func(fault error) {
		objects++
		err = errors.Join(err, fault)
	}
	if e.Route != nil {
		has(e.Route.Check())
	}
	if e.Rule != nil {
		has(e.Rule.Check())
	}
	if e.Addr != nil {
		has(e.Addr.Check())
	}
	if e.Link != nil {
		has((&Snapshot{Links: []Link{*e.Link}}).checkLinks())
	}
	if e.NextHop != nil {
		has(e.NextHop.Check())
	}
	if e.Neighbour != nil {
		has((&Snapshot{Neighbours: []Neighbour{*e.Neighbour}}).checkNeighbours())
	}
	if err == nil && objects > 1 {
		err = fmt.Errorf("it is about %d objects", objects)
	}
	return err
}
