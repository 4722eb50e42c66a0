package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// gathered is the smallest number of routes, alike except for their destination, that a
// file has together. If there are fewer, they keep their places and each is written in
// full.
const gathered = 64

// write writes the routes as a list. Routes to one prefix keep their order, because the
// kernel tries them in that order. So where a table has several routes to a prefix, none
// of them is gathered.
func (l *List) write(e *encoder) {
	e.open('[')
	g := l.gather()
	var text []byte
	for i := range l.routes {
		at := &l.routes[i]
		mates := g.mates[at.kind]
		if len(mates) > 0 && g.alone[i] {
			mates = nil
		}
		if len(mates) > 0 && mates[0] != i {
			continue // was written after the first of its mates
		}
		e.line()
		r := l.kinds[at.kind]
		r.Dst = at.dst
		e.value(&r)
		for _, k := range mates[min(1, len(mates)):] {
			e.line()
			text = append(l.routes[k].dst.AppendTo(append(text[:0], '"')), '"')
			_, _ = e.w.Write(text)
		}
	}
	e.close(']')
}

// gathering says which routes are written together.
type gathering struct {
	mates [][]int // for each kind, the places of its routes; empty: they are not gathered
	alone []bool  // by place: not gathered, because the table has another route to its prefix
}

// gather finds the routes that are written together.
func (l *List) gather() *gathering {
	g := &gathering{mates: make([][]int, len(l.kinds))}
	if len(l.count) == 0 || slices.Max(l.count) < gathered {
		return g
	}
	g.alone = l.sharedPrefixes()
	for i := range l.routes {
		if k := l.routes[i].kind; l.count[k] >= gathered && !g.alone[i] {
			g.mates[k] = append(g.mates[k], i)
		}
	}
	return g
}

// sharedPrefixes says of each route, by place, whether its table has another route to
// the same prefix.
func (l *List) sharedPrefixes() []bool {
	type key struct {
		table Table
		dst   netip.Prefix
	}
	out := make([]bool, len(l.routes))
	first := make(map[key]int, len(l.routes))
	for i := range l.routes {
		at := &l.routes[i]
		k := key{l.kinds[at.kind].Table, at.dst}
		if other, ok := first[k]; ok {
			out[i], out[other] = true, true
		} else {
			first[k] = i
		}
	}
	return out
}

// timeShare is a divisor: this part of the weight of a route's text is always taken, even
// if the route is like another one and takes no memory. The reason is time: to read
// hundreds of megabytes of such text takes minutes.
const timeShare = 8

// read reads what write has written.
func (l *List) read(d *decoder) error {
	if err := d.expect(json.Delim('[')); err != nil {
		return err
	}
	var raw json.RawMessage
	for d.More() {
		if l.Len() == maxElements {
			return fmt.Errorf("more than %d elements", maxElements)
		}
		before := l.Size()
		err := d.Decode(&raw)
		if err == nil {
			err = d.room.Fits(weight(raw))
		}
		if err == nil {
			err = l.element(raw)
		}
		if err == nil {
			err = d.room.Take(l.Size() - before + weight(raw)/timeShare)
		}
		if err != nil {
			return fmt.Errorf("element %d: %w", l.Len()+1, err)
		}
		d.in.left = maxElement
	}
	return d.expect(json.Delim(']'))
}

// element reads one element: a route, or the destination of a route like the last one.
func (l *List) element(raw []byte) error {
	if raw[0] == '"' {
		return l.another(raw)
	}
	var r Route
	if err := strict(raw, &r); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	l.Add(&r)
	return nil
}

func (l *List) another(raw []byte) error {
	dst, err := netip.ParsePrefix(string(bytes.Trim(raw, `"`)))
	switch {
	case err != nil || !isNetwork(dst):
		return fmt.Errorf("%s is no network", raw)
	case l.Len() == 0:
		return errors.New("no route before it that it could be like")
	case FamilyOf(l.routes[l.Len()-1].dst.Addr()) != FamilyOf(dst.Addr()):
		return fmt.Errorf("%s is of another family than the route before it", dst)
	}
	l.addAnother(dst)
	return nil
}
