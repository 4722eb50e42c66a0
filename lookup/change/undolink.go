package change

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"routewhy/route"
)

// links deletes superfluous devices. It gives the other devices their names, groups, MTUs
// and masters back, and sets them up or down.
func (u *undoer) links() {
	for _, l := range slices.Backward(slices.Clone(u.present().Links)) {
		if !u.keepsLinks && u.wanted().Link(l.Index) == nil && u.present().Link(l.Index) != nil { // it is not gone together with its peer
			u.do(&Link{Verb: Delete, Index: l.Index})
		}
	}
	for range 2 { // a name may be used by another device until that device has its own name back
		for i := range u.wanted().Links {
			u.nameBack(&u.wanted().Links[i])
		}
	}
	for i := range u.wanted().Links {
		w := &u.wanted().Links[i]
		l := u.present().Link(w.Index)
		if l == nil {
			continue
		}
		if l.MTU != w.MTU {
			u.do(&Link{Verb: Modify, Index: w.Index, MTU: &w.MTU})
		}
		if l.Group != w.Group {
			u.do(&Link{Verb: Modify, Index: w.Index, Group: &w.Group})
		}
		if l.Flags&route.LinkNoARP != w.Flags&route.LinkNoARP {
			u.do(&Link{Verb: Modify, Index: w.Index, ARP: truth(w.Flags&route.LinkNoARP == 0)})
		}
		if l.Master != w.Master {
			u.do(&Link{Verb: Modify, Index: w.Index, Master: &w.Master})
		}
	}
	for i := range u.wanted().Links {
		w := &u.wanted().Links[i]
		if l := u.present().Link(w.Index); l != nil && l.Up() != w.Up() {
			u.do(&Link{Verb: Modify, Index: w.Index, Up: truth(w.Up())})
		}
	}
	for i := range u.wanted().Links {
		w := &u.wanted().Links[i]
		if l := u.present().Link(w.Index); l != nil && l.Up() && w.Up() && l.Carrier() != w.Carrier() {
			u.do(&Link{Verb: Modify, Index: w.Index, Carrier: truth(w.Carrier())})
		}
	}
}

func truth(b bool) route.Tristate {
	if b {
		return route.Yes
	}
	return route.No
}

// nameBack renames a device. For kernels that need it, the device is down during this.
// If another device has the name, it gets a different one.
func (u *undoer) nameBack(w *route.Link) {
	l := u.present().Link(w.Index)
	if l == nil || l.Name == w.Name {
		return
	}
	if other := u.present().LinkByName(w.Name); other != nil {
		u.rename(other, freeName(u.present(), u.wanted()))
	}
	u.rename(u.present().Link(w.Index), w.Name)
}

func (u *undoer) rename(l *route.Link, name string) {
	if u.do(&Link{Verb: Modify, Index: l.Index, Name: name}) || !l.Up() {
		return
	}
	m := u.mark()
	if !u.do(&Link{Verb: Modify, Index: l.Index, Up: route.No}) || !u.do(&Link{Verb: Modify, Index: l.Index, Name: name}) {
		u.back(m)
	}
}

// freeName is a name that no device has, in either of the two states.
func freeName(a, b *route.Snapshot) string {
	name := "swap0"
	for a.LinkByName(name) != nil || b.LinkByName(name) != nil {
		name += "x"
	}
	return name
}

// settings writes the settings back. Those for all devices come first, because they
// change others.
func (u *undoer) settings() {
	paths := slices.SortedFunc(maps.Keys(u.wanted().Sysctls), func(a, b string) int {
		return cmp.Or(cmp.Compare(breadth(a), breadth(b)), strings.Compare(a, b))
	})
	for _, p := range paths {
		if v := u.wanted().Sysctls[p]; u.present().Sysctls[p] != v {
			u.do(&Sysctl{Path: p, Value: v})
		}
	}
}

// breadth orders settings: a setting that is written for all devices comes first, and before
// those the one that writes another of them.
func breadth(path string) int {
	_, dev, key, ok := confOf(path)
	switch {
	case ok && dev == allDevices && key == "forwarding":
		return 0
	case ok && dev == allDevices:
		return 1
	case ok && dev == newDevices:
		return 2
	case ok:
		return 3
	}
	return 4
}
