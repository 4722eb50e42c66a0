package main

import (
	"context"
	"fmt"
	"net/netip"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/route"
)

// dump shows every table, in the order in which the rules consult it.
func dump(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	var d *text.Dump
	w, err := steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		d, err = readDump(ctx, o, host)
		return false, err
	})
	defer w.close()
	if err != nil {
		return err
	}
	d.Changing = w.changing
	if o.json {
		return text.WriteDumpJSON(s.Stdout, d)
	}
	return text.WriteDump(s.Stdout, d, o.style(s))
}

// showRoutes is how many routes of a table are kept to be shown; of a larger one only
// their number and where they lead.
const showRoutes = 50

// tables gathers the tables of a dump while the routes stream by.
type tables map[text.TableKey]*text.Table

// readDump reads everything once, and what is needed of large tables to judge the
// default routes a second time.
func readDump(ctx context.Context, o *options, host route.Source) (*text.Dump, error) {
	out := &text.Dump{Families: families(o.family)}
	all := tables{}
	fib, err := lookup.Read(ctx, host, &lookup.Need{
		Query: route.Query{Family: o.family},
		Hold:  (*route.Route).IsDefault,
		Ask:   func(f *lookup.FIB) []netip.Addr { return examples(f, out.Families) },
		Each:  func(r *route.Route) error { all.take(r); return nil },
		Again: func() { clear(all) },
	})
	if err != nil {
		return nil, err
	}
	out.FIB, out.Tables = fib, all
	out.Each = func(k text.TableKey, f func(*route.Route) error) error {
		_, err := host.Read(ctx, route.Query{
			Family: k.Family, Table: k.ID, Each: f, NoNeighbours: true,
		})
		return err
	}
	if o.table != "" {
		id, ok := fib.Snapshot().Names.TableByName(o.table)
		if !ok {
			return nil, withHint(fmt.Errorf("--table: no table is named %s here", quote(o.table)),
				"names come from rt_tables; a number always works")
		}
		out.Only = id
	}
	return out, nil
}

// take counts a route by where it leads, and keeps the first of each table.
func (all tables) take(r *route.Route) {
	k := text.TableKey{Family: r.Family(), ID: r.Table}
	t := all[k]
	if t == nil {
		t = &text.Table{Groups: map[text.Group]int{}}
		all[k] = t
	}
	t.Count++
	t.Default = t.Default || r.IsDefault()
	t.Groups[text.GroupOf(r)]++
	if t.Count <= showRoutes {
		t.Routes = append(t.Routes, r.Clone())
	}
}

// examples are the addresses by which the default routes are judged.
func examples(f *lookup.FIB, of []route.Family) []netip.Addr {
	var out []netip.Addr
	for _, fam := range of {
		for _, s := range f.EntryStatuses(fam.Default()) {
			if s.Example.IsValid() {
				out = append(out, s.Example)
			}
		}
	}
	return out
}
