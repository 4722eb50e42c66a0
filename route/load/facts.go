package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// facts gathers what the files say, in any order. Listings name devices and tables;
// here they get numbers. Devices have provisional indices until [facts.snapshot], when
// everything is known.
type facts struct {
	snap   route.Snapshot
	routes route.List     // with provisional devices
	devs   []*dev         // by provisional index - 1
	byName map[string]int // to provisional index
	byNum  map[int]int    // real index to provisional
	dictionary
	// has are the facts that were found.
	has      map[found]bool
	complete map[route.Family]bool // every table was listed
	// listing is the index of the current listing. If two listings have the same
	// table or rules, one of them is chosen.
	listings []listing
	listing  int
	from     []int32 // the listing of each route
	listed   []listedRule
	tableIn  map[familyTable][]int32
	ruleIn   map[route.Family][]int32
	resumed  int32                // the listing that the rules go on from, plus one; zero: none
	parts    map[familyTable]bool // tables that may lack routes; table zero: every table may
	vrfs     map[string]route.Table
	choices  []Fault // faults about listings that were not used
	// objectsIn is the file that the last next-hop object is from.
	objectsIn string
	oddAddr   bool // the last address was not understood, so the lines about it are not read
	orders    []deviceOrder
	// memberships are the lists of /proc/net/igmp, and groupNames those that have no
	// numbers. grouped is how many groups all of them have.
	memberships []groupList
	groupNames  []groupNames
	grouped     int
	procLines   int      // lines of /proc/net/route that are not routes yet
	lookedUp    []answer // what `ip route get` said
	// partAddrs: only some addresses are known, such as those of one device or family.
	partAddrs bool
	// partLinks: only some devices are known.
	partLinks bool
}

type found struct {
	fact   route.Fact
	family route.Family
}

type familyTable struct {
	family route.Family
	table  route.Table
}

// dev is what is known about a device.
type dev struct {
	name  string
	index int // the real one; zero: not known
	link  route.Link
	told  bool // a listing of devices has it
	// oddFlags: whether it is up, and has a carrier, was not readable.
	oddFlags bool
	master   int // provisional
	// lower is the name of the device by which a tunnel's packets leave. Elsewhere says that
	// they leave in another namespace.
	lower     string
	elsewhere bool
}

func newFacts() *facts {
	return &facts{
		byName: map[string]int{}, byNum: map[int]int{}, dictionary: newDictionary(), has: map[found]bool{}, tableIn: map[familyTable][]int32{},
		complete: map[route.Family]bool{}, ruleIn: map[route.Family][]int32{}, parts: map[familyTable]bool{},
		vrfs: map[string]route.Table{},
		snap: route.Snapshot{
			Sysctls: route.Sysctls{},
			Names:   route.Names{Tables: map[route.Table]string{}, Protocols: map[route.Protocol]string{}},
		},
	}
}

// device is the provisional index of a device by its name; "*" and "" are no device.
func (f *facts) device(name string) int {
	if name == "" || name == "*" {
		return 0
	}
	if i, ok := f.byName[name]; ok {
		return i
	}
	name = strings.Clone(name) // so that the whole line is not kept in memory
	f.devs = append(f.devs, &dev{name: name})
	f.byName[name] = len(f.devs)
	return len(f.devs)
}

// deviceByIndex is the provisional index of a device by its real index.
func (f *facts) deviceByIndex(index int) int {
	if index == 0 {
		return 0
	}
	if i, ok := f.byNum[index]; ok {
		return i
	}
	f.devs = append(f.devs, &dev{index: index})
	f.byNum[index] = len(f.devs)
	return len(f.devs)
}

// define notes that a device has a name and an index, and gives its provisional
// index. If the two have different provisional indices, [facts.numbers] joins them.
func (f *facts) define(name string, index int) (int, error) {
	i := f.device(name)
	if i == 0 {
		return 0, fmt.Errorf("a device named %q", name)
	}
	if index < 0 || index > math.MaxInt32 {
		return 0, fmt.Errorf("%d is no index of a device", index)
	}
	if index > 0 {
		f.devs[i-1].index = index
	}
	return i, nil
}

func (f *facts) found(fact route.Fact, fams ...route.Family) {
	for _, fam := range fams {
		f.has[found{fact, fam}] = true
	}
}

// numbers finds the index of every provisional device: the real one if it is known,
// otherwise one that no device has.
func (f *facts) numbers() []int {
	out := make([]int, len(f.devs)+1)
	used := map[int]int{} // real index to provisional
	for i, d := range f.devs {
		if d.index != 0 && d.name != "" {
			used[d.index], out[i+1] = i+1, d.index
		}
	}
	for i, d := range f.devs {
		if d.index != 0 && d.name == "" {
			out[i+1] = d.index
			if _, named := used[d.index]; !named {
				used[d.index] = i + 1
			}
		}
	}
	next := 2
	for i, d := range f.devs {
		if out[i+1] != 0 {
			continue
		}
		n := next
		if d.name == "lo" {
			n = route.LoopbackIndex
		}
		for used[n] != 0 {
			n++
		}
		used[n], out[i+1] = i+1, n
		next = max(next, n)
	}
	return out
}

// nameAll gives names to the devices of which only the index is known, in the same way
// as [route.Snapshot.LinkName]. They exist, because routes lead there.
func (f *facts) nameAll(index []int) {
	named := map[int]bool{}
	for i, d := range f.devs {
		named[index[i+1]] = named[index[i+1]] || d.name != ""
	}
	for i, d := range f.devs {
		name := "if" + strconv.Itoa(index[i+1])
		if d.name == "" && !named[index[i+1]] && f.byName[name] == 0 {
			d.name = name
		}
	}
}

// snapshot is what all files together say, with the gaps for what they do not say.
func (f *facts) snapshot() *route.Snapshot {
	s := &f.snap
	if lo := f.devs[f.device("lo")-1]; lo.index == 0 {
		lo.index = route.LoopbackIndex
	}
	f.rename()
	index := f.numbers()
	f.nameAll(index)
	f.chooseRules()
	f.chooseRoutes(index)
	for i, d := range f.devs {
		if d.name != "" {
			d.link.Name, d.link.Index = d.name, index[i+1]
			d.link.Master = index[d.master]
			s.Links = append(s.Links, f.assumedLink(d))
			f.setBelow(&s.Links[len(s.Links)-1], d, index)
		}
	}
	s.SortLinks()
	s.Links = slices.CompactFunc(s.Links, func(a, b route.Link) bool { return a.Index == b.Index })
	for i := range s.Addrs {
		s.Addrs[i].Link = index[s.Addrs[i].Link]
	}
	s.Addrs = unique(s.Addrs, func(a *route.Addr) any { return [2]any{a.Link, a.Prefix} })
	s.Order = f.order(index)
	s.Memberships = f.joined(index)
	f.routes.Rewrite(func(r *route.Route) {
		r.NextHops = slices.Clone(r.NextHops) // another route may share them
		for k := range r.NextHops {
			if r.Type == route.TypeUnicast && f.noCarrier(r.NextHops[k].Link) {
				r.NextHops[k].Flags |= route.NextHopLinkDown // not every listing shows it
			}
			r.NextHops[k].Link = index[r.NextHops[k].Link]
		}
	})
	for i := range s.NextHops {
		s.NextHops[i].NextHop.Link = index[s.NextHops[i].NextHop.Link]
	}
	for i := range s.Neighbours {
		s.Neighbours[i].Link = index[s.Neighbours[i].Link]
	}
	s.Neighbours = unique(s.Neighbours, func(n *route.Neighbour) any { return [2]any{n.Link, n.Addr} })
	s.NextHops = unique(s.NextHops, func(o *route.NextHopObject) any { return o.ID })
	f.dropGroups()
	f.fillIn()
	return s
}

// noCarrier reports whether a device, by its provisional index, is listed as up and without
// carrier.
func (f *facts) noCarrier(i int) bool {
	if i == 0 || !f.devs[i-1].told || f.devs[i-1].oddFlags {
		return false
	}
	return f.devs[i-1].link.Flags&(route.LinkUp|route.LinkLowerUp) == route.LinkUp
}

// dropGroups leaves out the groups whose next hops are not known. A member that no listing
// has is not known: the routes of such a group may list its next hops themselves. Nor is
// it known where a group leads that has a group among its members. No kernel has such a
// group.
func (f *facts) dropGroups() {
	groups := map[uint32]bool{}
	for i := range f.snap.NextHops {
		o := &f.snap.NextHops[i]
		groups[o.ID] = len(o.Group) > 0
	}
	f.snap.NextHops = slices.DeleteFunc(f.snap.NextHops, func(o route.NextHopObject) bool {
		i := slices.IndexFunc(o.Group, func(m route.GroupMember) bool { return m.ID == 0 || groups[m.ID] })
		if i >= 0 {
			err := fmt.Errorf("next-hop object %d: its member %d is a group, or none", o.ID, o.Group[i].ID)
			f.choices = append(f.choices, Fault{f.objectsIn, 0, err})
		}
		return i >= 0 || slices.ContainsFunc(o.Group, func(m route.GroupMember) bool {
			_, listed := groups[m.ID]
			return !listed
		})
	})
}

// unique keeps only the first of the elements that several listings have.
func unique[T any](all []T, key func(*T) any) []T {
	seen := map[any]bool{}
	return slices.DeleteFunc(all, func(v T) bool {
		k := key(&v)
		again := seen[k]
		seen[k] = true
		return again
	})
}
