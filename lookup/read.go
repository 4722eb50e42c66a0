package lookup

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/route"
)

// wholeTables is how many routes are held in any case: all of an ordinary host, few of a
// router.
const wholeTables = 4096

// Need says what the questions to a [FIB] need of its source. The zero value is
// everything.
type Need struct {
	// Query says which families and tables are read, and what besides the routes. Its
	// Keep, Each and Again are ignored.
	Query route.Query
	// About reports whether a question may be about a prefix: of large tables, only such
	// routes are read. Nil: all are read. It is for questions whose addresses are known,
	// and makes them quick, because routes that it leaves out are not even decoded.
	About func(netip.Prefix) bool
	// Hold reports whether a route of large tables is held. Of the others, only the
	// prefixes are remembered. Nil: all are held.
	Hold func(*route.Route) bool
	// Ask gives, if Hold left routes out, the addresses that will be looked up. They may
	// depend on what was held. The routes that cover them are made from what is remembered
	// of them, or, if that does not tell all of them, read in a second reading.
	Ask func(*FIB) []netip.Addr
	// Limit is how many bytes what Hold holds may take, about; zero: any number. More
	// is a [route.LimitError].
	Limit int64
	// Each, if set, is handed every route that is read the first time, held or not,
	// before Hold is. The Route is overwritten by the next one. An error ends the
	// reading and becomes Read's.
	Each func(*route.Route) error
	// Again is called if the tables changed while they were being read, before Each gets
	// all routes once more: what Each has gathered must be forgotten.
	Again func()
}

// Read builds a FIB from a source, with what the questions to come need. Errors are
// those of the source.
func Read(ctx context.Context, src route.Source, need *Need) (*FIB, error) {
	l := newLoader(need)
	q := need.Query
	q.Keep, q.Each, q.Again = nil, l.take, l.again
	if need.About != nil {
		q.Keep = l.keeps
	}
	snap, err := src.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	f := l.builder.FIB(snap)
	for range maxAsks {
		left := l.leftOut(f)
		if len(left) == 0 {
			break
		}
		if !l.aside.cover(&l.builder, f, left) {
			if err := l.cover(ctx, src, left); err != nil {
				return nil, err
			}
		}
		f = l.builder.FIB(snap)
	}
	return f, nil
}

// maxAsks is how often, at most, more is read for the addresses that [Need.Ask] gives. It
// may give others each time.
const maxAsks = 4

// loader gathers routes while they are read.
type loader struct {
	need    *Need
	builder Builder
	count   int           // of the routes that were read
	first   []route.Route // with Hold, the routes while all are held
	held    int64         // how many Hold chose
	aside   aside
}

func newLoader(need *Need) *loader {
	return &loader{need: need}
}

// heldSize is what a route takes that is held of a large table, with what a report keeps
// of it, about.
const heldSize = 640

func (l *loader) again() {
	*l = *newLoader(l.need)
	if l.need.Again != nil {
		l.need.Again()
	}
}

// keeps reports whether a route of a prefix is read, and counts it if not. Table local
// is read whole: which addresses are this host's own matters for all questions.
func (l *loader) keeps(t route.Table, dst netip.Prefix) bool {
	if l.count < wholeTables || t == route.TableLocal || l.need.About(dst) {
		return true
	}
	l.builder.skip(route.FamilyOf(dst.Addr()), t)
	return false
}

func (l *loader) take(r *route.Route) error {
	l.count++
	if l.need.Each != nil {
		if err := l.need.Each(r); err != nil {
			return err
		}
	}
	switch {
	case l.need.Hold == nil:
		l.builder.Add(r)
	case l.count <= wholeTables:
		l.first = append(l.first, r.Clone())
		l.builder.Add(r)
	default:
		l.reduce()
		l.hold(r)
		if most := l.need.Limit; most > 0 && l.held*heldSize > most {
			return &route.LimitError{Limit: most}
		}
	}
	return nil
}

// reduce leaves out routes that were held so far, by the rule for large tables.
func (l *loader) reduce() {
	if l.first == nil {
		return
	}
	l.builder = Builder{}
	for i := range l.first {
		l.hold(&l.first[i])
	}
	l.first = nil
}

// hold adds a route of large tables, or only remembers its prefix.
func (l *loader) hold(r *route.Route) {
	if !l.need.Hold(r) {
		l.aside.leave(&l.builder, r)
		return
	}
	l.held++
	l.builder.Add(r)
}

// leftOut are the addresses that will be asked about and that a left-out route covers.
func (l *loader) leftOut(f *FIB) []netip.Addr {
	if l.need.Ask == nil || l.need.Hold == nil || l.count <= wholeTables {
		return nil
	}
	return f.leftOut(l.need.Ask(f))
}

// cover reads, in a second reading, the routes that cover some addresses, which are in
// ascending order.
func (l *loader) cover(ctx context.Context, src route.Source, addrs []netip.Addr) error {
	seen := map[tablePrefix]bool{}
	_, err := src.Read(ctx, route.Query{
		Family: l.need.Query.Family, Table: l.need.Query.Table, NoNeighbours: true,
		Keep: func(_ route.Table, dst netip.Prefix) bool {
			i, _ := slices.BinarySearchFunc(addrs, dst.Addr(), netip.Addr.Compare)
			return i < len(addrs) && dst.Contains(addrs[i])
		},
		Each: func(r *route.Route) error {
			if at := (tablePrefix{r.Table, r.Dst}); !seen[at] {
				seen[at] = true
				l.builder.empty(r.Table, r.Dst)
			}
			l.builder.put(r)
			return nil
		},
	})
	return err
}
