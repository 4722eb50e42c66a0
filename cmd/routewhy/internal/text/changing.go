package text

import "routewhy/lookup"

// changingWords are about tables that were changing while they were read: what is
// shown may be of different times.
const changingWords = "the tables were changing while they were read: ask again"

// changingAside ends a first line that stands alone.
const changingAside = " (the tables were changing)"

// changing reports whether the tables were changing.
func (e told) changing() bool { return e.Noted(lookup.NoteChanging) }
