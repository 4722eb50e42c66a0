package history

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"routewhy/lookup/report"
	"routewhy/route"
)

// askerKey is what processes that are counted together have in common.
type askerKey struct {
	comm, unit, container, parent string
	kernel, unknown, unnamed      bool
}

func askerOf(e *route.Event) askerKey {
	if e.By == nil {
		named := report.NamesAsker(e)
		return askerKey{kernel: e.Port == 0 && named, unknown: e.Port != 0, unnamed: e.Port == 0 && !named}
	}
	k := askerKey{comm: e.By.Comm, unit: e.By.Unit, container: e.By.Container}
	if e.By.Parent != nil {
		k.parent = e.By.Parent.Comm
	}
	return k
}

// maxAskers limits how many groups of processes there are, and how many processes of one
// group are told apart.
const maxAskers = 1 << 14

// SumUp counts which processes asked for the changes between two times. It gives those first
// that asked for the most. Changes of neighbours do not count.
func SumUp(ctx context.Context, moments iter.Seq2[Moment, error], since, until time.Time) ([]*report.Asker, error) {
	type asker struct {
		report.Asker
		ports map[uint32]bool
	}
	all := map[askerKey]*asker{}
	for m, err := range moments {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		e := m.Event
		if e == nil || e.Neighbour != nil || report.EventKind(e) == "" || m.Time.Before(since) || m.Time.After(until) {
			continue
		}
		k := askerOf(e)
		a := all[k]
		if a == nil {
			if len(all) == maxAskers {
				continue
			}
			a = &asker{report.Asker{Kernel: k.kernel, First: m.Time}, map[uint32]bool{}}
			all[k] = a
		}
		a.By, a.Last = e.By, m.Time
		a.Total++
		if e.Port != 0 && len(a.ports) < maxAskers {
			a.ports[e.Port] = true
			a.Processes = len(a.ports)
		}
		count(&a.Asker, e)
	}
	out := make([]*report.Asker, 0, len(all))
	for _, a := range all {
		out = append(out, &a.Asker)
	}
	slices.SortFunc(out, func(a, b *report.Asker) int {
		return cmp.Or(b.Total-a.Total, a.First.Compare(b.First), cmp.Compare(commOf(a), commOf(b)))
	})
	return out, nil
}

func commOf(a *report.Asker) string {
	if a.By == nil {
		return ""
	}
	return a.By.Comm
}

func count(a *report.Asker, e *route.Event) {
	kind := report.EventKind(e)
	i := slices.IndexFunc(a.Changes, func(c report.ChangeCount) bool { return c.Kind == kind })
	if i < 0 {
		i = len(a.Changes)
		a.Changes = append(a.Changes, report.ChangeCount{Kind: kind})
	}
	if e.Gone {
		a.Changes[i].Removed++
	} else {
		a.Changes[i].Added++
	}
}
