package text

import "routewhy/lookup"

// changingWords says that the tables were changing while they were read. Parts of the
// output may be from different times.
const changingWords = "the tables were changing while they were read: ask again"

// changingAside ends a first line that stands alone.
const changingAside = " (the tables were changing)"

// changing reports whether the tables were changing.
func (e told) changing() bool { return e.Noted(lookup.NoteChanging) }
