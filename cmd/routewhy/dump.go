package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/cmd/routewhy/internal/render"
	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
)

// dump shows every table, in the order in which the rules consult it.
func dump(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	var d *render.Dump
	w, err := steady(host, kernel.Want{Family: o.family}, func() (bool, error) {
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
		return render.WriteDumpJSON(s.Stdout, d)
	}
	return render.WriteDump(s.Stdout, d, o.style(s))
}

// holdRoutes is how many routes of a table are held; of a larger one only
// their number and where they lead.
const holdRoutes = 50

// dumpReader gathers a dump while the routes stream by.
type dumpReader struct {
	tables  map[render.TableKey]*render.Table
	builder lookup.Builder
}

// readDump reads everything once. Where a table is too large to be held, what
// is needed of it to judge the default routes is read a second time.
func readDump(ctx context.Context, o *options, host source) (*render.Dump, error) {
	d := &dumpReader{tables: map[render.TableKey]*render.Table{}}
	snap, err := host.Read(ctx, kernel.Want{
		Family: o.family, Each: d.take,
		Again: func() { *d = dumpReader{tables: map[render.TableKey]*render.Table{}} },
	})
	if err != nil {
		return nil, err
	}
	out := &render.Dump{FIB: d.builder.FIB(snap), Families: families(o.family), Tables: d.tables}
	if examples := d.examples(out); len(examples) > 0 {
		if err := d.again(ctx, o, host, out, examples); err != nil {
			return nil, err
		}
	}
	out.Each = func(k render.TableKey, f func(*route.Route) error) error {
		_, err := host.Read(ctx, kernel.Want{
			Family: k.Family, Table: k.ID, Each: f, NoNeighbours: true,
		})
		return err
	}
	if o.table != "" {
		id, ok := snap.Names.TableByName(o.table)
		if !ok {
			return nil, withHint(fmt.Errorf("--table: no table is named %s here", quote(o.table)),
				"names come from rt_tables; a number always works")
		}
		out.Only = id
	}
	return out, nil
}

// take is handed every route. Routes of large tables are counted by where they
// lead, and their prefixes remembered.
func (d *dumpReader) take(r *route.Route) error {
	k := render.TableKey{Family: r.Family(), ID: r.Table}
	t := d.tables[k]
	if t == nil {
		t = &render.Table{Groups: map[render.Group]int{}}
		d.tables[k] = t
	}
	t.Count++
	t.Default = t.Default || r.IsDefault()
	t.Groups[render.GroupOf(r)]++
	if t.Count <= holdRoutes {
		t.Routes = append(t.Routes, r.Clone())
		d.builder.Add(r)
		return nil
	}
	if t.Count == holdRoutes+1 {
		for i := range t.Routes {
			d.builder.Mark(r.Table, t.Routes[i].Dst)
		}
	}
	d.builder.Mark(r.Table, r.Dst)
	if r.IsDefault() {
		d.builder.Add(r)
		return nil
	}
	d.builder.Skip(k.Family, r.Table)
	return nil
}

// examples are the addresses by which the default routes are judged, where they
// are in the way of routes that were left out.
func (d *dumpReader) examples(out *render.Dump) []netip.Addr {
	var examples []netip.Addr
	for _, f := range out.Families {
		for _, s := range out.FIB.EntryStatuses(f.Default()) {
			if s.Example.IsValid() && out.FIB.LeftOut(s.Example) {
				examples = append(examples, s.Example)
			}
		}
	}
	return examples
}

// again reads the routes of large tables that cover the examples.
func (d *dumpReader) again(ctx context.Context, o *options, host source, out *render.Dump, examples []netip.Addr) error {
	snap, err := host.Read(ctx, kernel.Want{
		Family: o.family,
		Keep: func(t route.Table, dst netip.Prefix) bool {
			whole := d.tables[render.TableKey{Family: route.FamilyOf(dst.Addr()), ID: t}]
			return (whole == nil || whole.Count > holdRoutes) && dst.Bits() > 0 && slices.ContainsFunc(examples, dst.Contains)
		},
		Each: func(r *route.Route) error {
			held := d.tables[render.TableKey{Family: r.Family(), ID: r.Table}]
			if held == nil || !slices.ContainsFunc(held.Routes, func(h route.Route) bool { return h.Dst == r.Dst }) {
				d.builder.Add(r)
			}
			return nil
		},
	})
	if err == nil {
		out.FIB = d.builder.FIB(snap)
	}
	return err
}
