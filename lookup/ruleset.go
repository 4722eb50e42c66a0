package lookup

import (
	"reflect"
	"sync"

	"routewhy/route"
)

func (f *FIB) addRules() {
	index := func(name string) int {
		if name == "" {
			return 0
		}
		if d := f.byName[name]; d != nil {
			return d.Index
		}
		return -1
	}
	s := f.snap
	for i := range s.Rules {
		r := &rule{Rule: &s.Rules[i]}
		r.in, r.out = index(r.Selector.In), index(r.Selector.Out)
		if r.Family == route.IPv4 {
			f.v4.rules = append(f.v4.rules, r)
			f.realms = f.realms || r.Realm != 0
		} else {
			f.v6.rules = append(f.v6.rules, r)
		}
	}
	f.v6.custom = !f.v6.startsWith(start{0, route.TableLocal}, start{32766, route.TableMain})
	if s.NoRules4 {
		f.v4.rules = withoutRules(route.IPv4)
	}
	if s.NoRules6 {
		f.v6.rules, f.v6.custom = withoutRules(route.IPv6), false
	}
	for _, fam := range []*family{&f.v4, &f.v6} {
		fam.to = map[route.Table][]*route.Rule{}
		for _, r := range fam.rules {
			r.table = fam.tables[r.Table]
			r.all = r.Selector == (route.Selector{}) && len(r.Unknown) == 0
			fam.dissects = fam.dissects || r.dissects()
			fam.lead(r)
		}
		gotos(fam.rules)
		if rules := fam.rules; len(rules) >= indexedRules {
			fam.index = sync.OnceValue(func() *ruleIndex { return newRuleIndex(f, rules) })
		}
	}
}

// ruleAgain gives a FIB, which is a copy of another one, the rules of its own snapshot.
func (f *FIB) ruleAgain() {
	for _, fam := range []*family{&f.v4, &f.v6} {
		fam.rules, fam.index, fam.not, fam.vrfs, fam.dissects = nil, nil, nil, false, false
	}
	f.addRules()
	f.merge()
}

// sameButRules reports whether two snapshots share all facts except for their rules and
// for what depends on rules alone. Facts that are equal but not shared count as
// different.
func sameButRules(a, b *route.Snapshot) bool {
	return a.Release == b.Release && a.NoRules4 == b.NoRules4 && a.NoRules6 == b.NoRules6 &&
		shared(a.Links, b.Links) && shared(a.Order, b.Order) && shared(a.Addrs, b.Addrs) &&
		shared(a.Memberships, b.Memberships) && shared(a.NextHops, b.NextHops) && shared(a.Neighbours, b.Neighbours) &&
		shared(a.Labels, b.Labels) && shared(a.Policies, b.Policies) && shared(a.Gaps, b.Gaps) &&
		reflect.ValueOf(a.Sysctls).Pointer() == reflect.ValueOf(b.Sysctls).Pointer()
}

// shared reports whether two slices are one.
func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// lead notes which table a rule leads to.
func (fam *family) lead(r *rule) {
	if r.Action == route.ActionTable {
		id := r.Table
		if r.Selector.L3Mdev && r.Selector.Not {
			id = route.TableMain // see walk.tableOf
		}
		fam.to[id] = append(fam.to[id], r.Rule)
		fam.vrfs = fam.vrfs || r.Selector.L3Mdev
	}
	if r.Selector.Not && len(fam.not) < maxNots {
		inner := r.Selector
		inner.Not = false
		fam.not = append(fam.not, inner)
	}
}

// maxNots is how many `not` rules are searched for packets that they do not match.
const maxNots = 64

// withoutRules are the rules of a kernel without multiple tables, which has none but
// behaves as if it had these (fib_lookup in include/net/ip_fib.h, fib6_rule_lookup in
// net/ipv6/ip6_fib.c).
func withoutRules(fam route.Family) []*rule {
	all := func(priority uint32, t route.Table) *rule {
		return &rule{Rule: &route.Rule{
			Family: fam, Priority: priority, Action: route.ActionTable, Table: t,
			SuppressPrefixLen: -1, SuppressGroup: -1,
		}}
	}
	return []*rule{all(0, route.TableLocal), all(32766, route.TableMain)}
}

// defaultRules4 reports whether the IPv4 rules are those that a namespace starts
// with.
func (f *FIB) defaultRules4() bool {
	return f.v4.startsWith(start{0, route.TableLocal}, start{32766, route.TableMain}, start{32767, route.TableDefault})
}

// start is a rule that a namespace starts with.
type start struct {
	priority uint32
	table    route.Table
}

// startsWith reports whether the rules are exactly those.
func (fam *family) startsWith(want ...start) bool {
	if len(fam.rules) != len(want) {
		return false
	}
	for i, r := range fam.rules {
		if r.Priority != want[i].priority || r.Table != want[i].table ||
			r.Action != route.ActionTable || r.Selector != (route.Selector{}) ||
			r.SuppressPrefixLen >= 0 || r.SuppressGroup >= 0 {
			return false
		}
	}
	return true
}
