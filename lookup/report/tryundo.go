package report

import (
	"slices"

	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// maxWayBack is how many routes may have gone and come for the way back to be worked out
// where it was not asked for.
const maxWayBack = 1000

// wayBack works out the commands that bring the present state back.
func (t *Trial) wayBack(q *TryQuestion) {
	var done []change.Outcome
	n := 0
	for i := range t.Run.Steps {
		for _, o := range t.Run.Steps[i].Outcomes {
			n += len(o.Removed) + len(o.Added)
			done = append(done, o)
		}
	}
	if n > maxWayBack && !q.WayBack {
		t.Report.UndoLong = n
		return
	}
	back := change.Undo(t.Before, done)
	t.Report.Undo = []string{}
	state := t.Run.After
	for _, c := range back.Changes {
		t.Report.Undo = append(t.Report.Undo, command.Print(c, state))
		state = state.Apply(c).State
	}
	t.Report.UndoLeft = leftovers(t.Before.FIB().Snapshot().Names, back.Left)
	t.Report.UndoLeft = append(t.Report.UndoLeft, t.unread()...)
}

// unread are the attributes that commands set and that are not read. A device that the
// commands made goes with all of its attributes.
func (t *Trial) unread() (out []Leftover) {
	for i := range t.Run.Steps {
		s := &t.Run.Steps[i]
		if !s.Accepted() {
			continue
		}
		for _, u := range s.Unread {
			l := t.Before.FIB().Snapshot().Link(u.Link)
			if l == nil {
				continue
			}
			x := Leftover{Code: change.LeftAttribute, Dev: l.Name, Attribute: u.Name}
			if !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	return out
}

// leftovers are by names what is not as it was.
func leftovers(n route.Names, all []change.Leftover) []Leftover {
	var out []Leftover
	for _, l := range all {
		x := Leftover{Code: l.Code, Dev: l.Dev, Prefix: l.Prefix, Priority: l.Priority, ID: l.ID, Path: l.Path}
		if l.Table != 0 {
			x.Table = n.Table(l.Table)
		}
		if l.Family != 0 {
			x.Family = FamilyName(l.Family)
		}
		out = append(out, x)
	}
	return out
}
