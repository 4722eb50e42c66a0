package history

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// Question says what is watched.
type Question struct {
	// Packet and User are as in [report.Question].
	report.Question
	Asked []Asked
}

// Asked is one destination, or the default route of a family.
type Asked struct {
	Label string
	To    report.Destination
	// Default is the family whose default route is meant; zero: To is meant.
	Default route.Family
}

// Answer is the answer at one moment.
type Answer struct {
	// Line is the answer; nil: the question cannot be asked, and Fault says why.
	Line  *report.Explanation
	Fault string
	// way is the part of it that a reader sees.
	way string
}

// Known reports whether it is known where the packet goes.
func (a *Answer) Known() bool {
	return a.Line != nil && a.Line.Disposition != lookup.DispositionUnknown
}

// settled reports whether it is known where the packet goes and which source it gets. After
// an event that may be unknown until everything is read again: no event tells the order of
// the devices, which may decide the source.
func (a *Answer) settled() bool {
	return a.Known() && !slices.ContainsFunc(a.Line.Decision.NextHops, func(h report.NextHop) bool { return len(h.SrcOneOf) > 0 })
}

// same reports whether a reader sees no difference between two answers.
func (a *Answer) same(b *Answer) bool { return a.way == b.way }

// answer answers one question.
func (q *Question) answer(f *lookup.FIB, i int) Answer {
	x := &q.Asked[i]
	line, err := report.AnswerFrom(f, &q.Question, x.destination(f))
	if err != nil {
		return Answer{Fault: err.Error(), way: err.Error()}
	}
	line.Query.Label = x.Label
	return Answer{Line: line, way: line.Way(x.Default == 0)}
}

// explain gives the complete explanation of an answer; nil: the question cannot be
// asked.
func (q *Question) explain(f *lookup.FIB, i int) *report.Explanation {
	x := &q.Asked[i]
	e, err := report.Explain(f, &q.Question, x.destination(f))
	if err != nil {
		return nil
	}
	return e
}

// destination is the destination of the packet that is looked up. For a default route, it is
// an address that no longer prefix covers.
func (x *Asked) destination(f *lookup.FIB) *report.Destination {
	if x.Default == 0 {
		return &x.To
	}
	return &report.Destination{Addr: f.ExternalAddr(x.Default)}
}

// family is the family of the packets that are asked about.
func (x *Asked) family() route.Family {
	if x.Default != 0 {
		return x.Default
	}
	return x.To.Family()
}

// concerns reports whether routes to a prefix matter for one question.
func (x *Asked) concerns(dst netip.Prefix) bool {
	if x.Default != 0 {
		return dst.Bits() <= 1 && route.FamilyOf(dst.Addr()) == x.Default
	}
	return x.To.Concerns(dst)
}

// Concerns reports whether routes to a prefix matter for any question. If a table is small,
// all its routes are read in any case.
func (q *Question) Concerns(dst netip.Prefix) bool {
	for i := range q.Asked {
		if q.Asked[i].concerns(dst) {
			return true
		}
	}
	return q.Packet.From.IsValid() && dst.Contains(q.Packet.From)
}

// Keeps reports whether events of routes to a prefix matter.
func (q *Question) Keeps(t route.Table, dst netip.Prefix) bool {
	return t == route.TableLocal || q.Concerns(dst)
}

// Family is the family of all questions; zero if they have different ones.
func (q *Question) Family() route.Family {
	var f route.Family
	for i := range q.Asked {
		one := q.Asked[i].family()
		if i > 0 && one != f {
			return 0
		}
		f = one
	}
	return f
}

// Need is what must be read for the questions.
func (q *Question) Need() *lookup.Need {
	return &lookup.Need{Query: route.Query{Family: q.Family(), AllDevices: true}, About: q.Concerns}
}
