package text

import "routewhy/lookup"

// changingWords are about tables that were changing while they were read: what is
// shown may be of different times.
const changingWords = "the tables were changing while they were read: ask again"

// changingRemark is the same as a remark.
func changingRemark() Remark { return Remark{string(lookup.NoteChanging), changingWords} }

// changingAside ends a first line that stands alone.
const changingAside = " (the tables were changing)"

// changing reports whether the tables were changing.
func (e told) changing() bool { return e.Noted(lookup.NoteChanging) }

// changing reports whether one of the two was.
func (d *Diff) changing() bool { return d.Before.Snapshot().Changed || d.After.Snapshot().Changed }

// warnings are the notes, and that one of the two was changing.
func (d *Diff) warnings() []Remark {
	if d.changing() {
		return append([]Remark{changingRemark()}, d.notes()...)
	}
	return d.notes()
}
