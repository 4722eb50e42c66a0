package render

import (
	"slices"

	"routewhy/lookup"
)

// changingWords are about tables that were changing while they were read: what is
// shown may be of different times.
const changingWords = "the tables were changing while they were read: ask again"

// changingRemark is the same as a remark.
func changingRemark() Remark { return Remark{string(lookup.NoteChanging), changingWords} }

// incomparableWords say why the kernel's answer tells nothing.
const incomparableWords = "the tables were changing"

// changingAside ends a first line that stands alone.
const changingAside = " (the tables were changing)"

// MarkChanging says that the tables were changing while they were read and while the
// kernel was asked: where it says otherwise, that is no disagreement.
func (e *Explanation) MarkChanging() {
	for _, part := range append(e.Lookups(), e) {
		part.moved = true
	}
	if !e.changing() {
		e.Notes = append([]lookup.Note{{Reason: lookup.Reason{Code: lookup.NoteChanging}}}, e.Notes...)
	}
}

// changing reports whether a note says that the tables were changing.
func (e *Explanation) changing() bool {
	return slices.ContainsFunc(e.Notes, func(n lookup.Note) bool { return n.Code == lookup.NoteChanging })
}

// incomparable reports whether the kernel's answer is another one, and may be of
// another time.
func (e *Explanation) incomparable() bool {
	return e.moved && e.Comparison.Asked && !e.Comparison.Agrees
}

// MarkChanging says that the tables were changing while they were read.
func (e *Prefix) MarkChanging() {
	if !e.changing() {
		e.Remarks = append(e.Remarks, changingRemark())
	}
}

// changing reports whether a remark says so.
func (e *Prefix) changing() bool { return slices.Contains(e.Remarks, changingRemark()) }

// changing reports whether one of the two was.
func (d *Diff) changing() bool { return d.Before.Snapshot().Changed || d.After.Snapshot().Changed }

// warnings are the notes, and that one of the two was changing.
func (d *Diff) warnings() []Remark {
	if d.changing() {
		return append([]Remark{changingRemark()}, d.notes()...)
	}
	return d.notes()
}
