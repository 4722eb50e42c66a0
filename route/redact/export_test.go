package redact

import "routewhy/route"

// Index is the replacement for the index of a device.
func (m *Mapping) Index(link int) int { return m.index(link) }

// User is a user ID that the redacted rules treat as the old rules treated uid.
func (m *Mapping) User(uid uint32) uint32 {
	if !m.strict || uid == route.NoUID {
		return uid
	}
	return m.first(m.numbers.class(uid))
}
