// Package golden is a slow, plain re-reading of Linux's routing decision. It
// exists to be compared with: package lookup is tested against it, and it is
// tested against the kernel.
//
// The code follows the order of the specification "How Linux decides where one
// packet goes" (kernel-routing.md), and each function names the section that it
// transcribes ("1.1" and so on), so that the two can be read side by side. There
// are only linear scans over the slices of a [route.Snapshot]; nothing is
// indexed, cached or shared.
//
// Where the kernel chooses by something that a snapshot cannot hold (a secret
// hash, what it chose last time), the answer has every way that it may choose.
// It is that of Linux 6.18, with what is known to differ down to 6.1.
package golden

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"routewhy/route"
)

// Answer is what the kernel does with a flow, in the terms of RTM_GETROUTE.
type Answer struct {
	// Errno is the error with which the look-up is refused; zero: it is not.
	Errno route.Errno
	// Type is the type of the result: unicast, local, broadcast, multicast or
	// anycast. Where a table entry refused the flow it is that entry's type.
	Type route.Type
	// Table is the table of the entry that was used; zero: none was. It is
	// where the entry really is: 255 for an address of this host even while
	// local and main share a trie and the kernel says 254.
	Table route.Table
	// Entry is the table entry that was used, where HasEntry is set. Where the
	// kernel may choose between several entries, it is the one of NextHops[0].
	Entry    route.Route
	HasEntry bool
	// NextHops is every answer that the kernel may give, without repetition. It is
	// empty where Errno is set.
	NextHops []Way
	// SomeRefused is the error for flows that a hash gives to a leg that refuses
	// them; zero: there is none.
	SomeRefused route.Errno
	// Uncertain says why the truth may lie beyond the answer: a fact that the
	// snapshot lacks, or one that no snapshot can have. Empty: certain.
	Uncertain string
}

// Way is one way out.
type Way struct {
	// Link is the device that RTM_GETROUTE reports: lo, or the VRF device, for
	// local delivery.
	Link int
	// Gateway is the next router; the zero Addr: the destination is on-link.
	Gateway netip.Addr
	// Src is what RTM_GETROUTE reports as the chosen source (RTA_PREFSRC).
	Src netip.Addr
}

// Decide says what the kernel does with the flow.
func Decide(s *route.Snapshot, f route.Flow) Answer { return decide(s, f, false) }

// Resolve says what RTM_GETROUTE answers about the flow. It is something else for IPv6
// packets that a device of a VRF receives: it does not take them into the VRF.
func Resolve(s *route.Snapshot, f route.Flow) Answer { return decide(s, f, true) }

func decide(s *route.Snapshot, f route.Flow, asked bool) Answer {
	f.Dst = f.Dst.WithZone("")
	f.Src = f.Src.WithZone("")
	switch f.Family() {
	case route.IPv4:
		return decide4(s, f)
	case route.IPv6:
		return decide6(s, f, asked)
	}
	return Answer{Errno: route.EINVAL, Uncertain: "no destination"}
}

// decide4 settles whether the tables local and main share one trie (2.4). If
// that is unknown and makes a difference, the answer is uncertain.
func decide4(s *route.Snapshot, f route.Flow) Answer {
	with := func(merged bool) Answer {
		d := &decision{s: s, merged: merged}
		d.noteGaps(route.IPv4)
		if f.In != 0 {
			return d.finish(d.input4(f))
		}
		return d.finish(d.output4(f))
	}
	switch {
	case s.NoRules4:
		return with(true)
	case s.Merged == route.Yes:
		return with(true)
	case s.Merged == route.No, !defaultRules4(s):
		return with(false)
	}
	split, merged := with(false), with(true)
	if !reflect.DeepEqual(split, merged) {
		split.Uncertain = strings.TrimPrefix(split.Uncertain+"; whether local and main share a trie is unknown", "; ")
	}
	return split
}

// defaultRules4 reports whether the IPv4 rules are the three that a namespace is
// born with (2.4).
func defaultRules4(s *route.Snapshot) bool {
	var have []route.Rule
	for _, r := range s.Rules {
		if r.Family == route.IPv4 {
			have = append(have, r)
		}
	}
	if len(have) != 3 {
		return false
	}
	for i, want := range []struct {
		priority uint32
		table    route.Table
	}{{0, route.TableLocal}, {32766, route.TableMain}, {32767, route.TableDefault}} {
		r := have[i]
		if r.Priority != want.priority || r.Table != want.table || r.Action != route.ActionTable ||
			!reflect.DeepEqual(r.Selector, route.Selector{}) {
			return false
		}
	}
	return true
}

// decision is one run of Decide.
type decision struct {
	s *route.Snapshot
	// merged says that local and main share one trie and no rule was ever
	// changed (2.4).
	merged    bool
	uncertain []string
}

// doubt notes a reason why the answer is uncertain.
func (d *decision) doubt(why string) {
	if !slices.Contains(d.uncertain, why) {
		d.uncertain = append(d.uncertain, why)
	}
}

func (d *decision) finish(a Answer) Answer {
	a.Uncertain = strings.Join(d.uncertain, "; ")
	return a
}

// noteGaps doubts everything that rests on facts that were not read and that
// every look-up needs. Neighbours and labels are doubted where they are used.
func (d *decision) noteGaps(fam route.Family) {
	for _, fact := range []route.Fact{route.FactLinks, route.FactAddrs, route.FactRules, route.FactRoutes} {
		if d.s.Lacks(fact, fam) {
			d.doubt(string(fact) + " were not read")
		}
	}
	if d.s.Changed {
		d.doubt("the tables were changing while they were read")
	}
}

// outcome is one thing that the kernel may do: refuse, or send one way.
type outcome struct {
	errno route.Errno
	way   Way
	typ   route.Type
	// entry is the table entry that was used; nil: none.
	entry *route.Route
}

// answer joins all that the kernel may do into one answer.
func (d *decision) answer(outcomes []outcome) Answer {
	var sent, refused []outcome
	for _, o := range outcomes {
		if o.errno != 0 {
			refused = append(refused, o)
		} else {
			sent = append(sent, o)
		}
	}
	var a Answer
	if len(sent) == 0 {
		a.Errno, a.Type = refused[0].errno, refused[0].typ
		a.setEntry(refused[0].entry)
		for _, o := range refused {
			if o.errno != a.Errno {
				d.doubt("may also be refused with " + o.errno.String())
			}
		}
		return a
	}
	a.Type = sent[0].typ
	a.setEntry(sent[0].entry)
	for _, o := range sent {
		if !slices.Contains(a.NextHops, o.way) {
			a.NextHops = append(a.NextHops, o.way)
		}
		if o.typ != a.Type {
			d.doubt("the type may also be " + o.typ.String())
		}
	}
	for _, o := range refused {
		if a.SomeRefused != 0 && o.errno != a.SomeRefused {
			d.doubt("may also be refused with " + o.errno.String())
		}
		a.SomeRefused = o.errno
	}
	return a
}

func (a *Answer) setEntry(r *route.Route) {
	if r != nil {
		a.HasEntry, a.Entry, a.Table = true, *r, r.Table
	}
}

// refuse is an answer without a table entry.
func refuse(e route.Errno) Answer { return Answer{Errno: e} }

// unset says that an address of a flow is not given. To the kernel that is the
// same as an address of all zeroes.
func unset(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() }
