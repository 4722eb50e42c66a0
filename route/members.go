package route

import "reflect"

// Member is a member of the object that a snapshot's file is.
type Member struct {
	Name string
	// Type is what encoding/json makes it from. In the list of routes, an element may be the
	// text of a prefix instead: a route that is otherwise the same as the one before it.
	Type reflect.Type
}

// Members are the members of a snapshot's file that come after [FormatKey], in their order.
// Each may be left out.
func Members() []Member {
	var out []Member
	for _, part := range new(Snapshot).sections(ListOf(nil)) {
		out = append(out, Member{part.name, part.typ})
	}
	return out
}
