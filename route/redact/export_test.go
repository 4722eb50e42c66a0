package redact

import "routewhy/route"

// Index is what stands for the index of a device.
func (m *Mapping) Index(link int) int { return m.index(link) }

// User is a user ID that the rules of what is saved treat as they did an old one.
func (m *Mapping) User(uid uint32) uint32 {
	if !m.strict || uid == route.NoUID {
		return uid
	}
	return m.first(m.numbers.class(uid))
}
