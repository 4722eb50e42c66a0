package listen

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Outcome is what happens to a packet from a client to an address of this host, and to the
// answer.
type Outcome struct {
	// Delivered says whether the packet gets to the sockets of this host. Answered says
	// whether the answer leaves this host.
	Delivered, Answered route.Tristate
	// By are the devices that the answer may leave by, in ascending order.
	By []int
	// Reason says why one of the two is not so, or why it is not known. If both are yes,
	// it says why some of the answers are lost all the same. The zero Reason: none is lost.
	Reason lookup.Reason

	direct []int // devices of By that ask for the client itself on their link
	silent []int // devices whose gateways did not answer the last time; they are not in By yet
}

// Good reports whether every answer goes to the client by the device that its packet came
// in by.
func (o *Outcome) Good(uplink int) bool {
	return o.Answered == route.Yes && o.Reason.Code == "" && len(o.By) == 1 && o.By[0] == uplink
}

// Class are clients that are treated alike.
type Class struct {
	// Clients are prefixes of their addresses. Of all classes of a view, the longest
	// prefix that covers a client says which one it is in.
	Clients []netip.Prefix
	// Near says that all of them are in networks of this host's devices.
	Near bool
	Outcome
}

// View tells who reaches an address by one device. Neighbours by other devices are left out where
// there are very many devices: see [Host.LeavesOutForeign].
type View struct {
	Uplink  int
	Classes []Class // the first has the prefix of length 0
}

// Reached reports whether some clients get an answer, and whether some outside the uplink's
// own networks do. For a group, it reports whether what they send arrives.
func (v *View) Reached() (some, far bool) {
	for i := range v.Classes {
		c := &v.Classes[i]
		// Whom the kernel assumes on the link gets an answer if that is true.
		some = some || c.Delivered == route.Yes && c.Reason.Code == CodeOnLinkAlone
		reached := c.Answered == route.Yes || c.Delivered == route.Yes && c.Reason.Code == CodeAnswerElsewhere
		some = some || reached
		far = far || reached && !c.Near
	}
	return some, far
}

// Uncertain reports whether it is not known if some clients get an answer, and the same for
// some outside the uplink's own networks.
func (v *View) Uncertain() (some, far bool) {
	for i := range v.Classes {
		c := &v.Classes[i]
		unknown := (c.Delivered == route.Unknown || c.Answered == route.Unknown) && c.Reason.Code != CodeAnswerElsewhere
		some = some || unknown
		far = far || unknown && !c.Near
	}
	return some, far
}

type outcomeKey struct {
	delivered, answered route.Tristate
	reason              lookup.Reason
	by                  string
}

// classes joins the cells that have the same outcome. allNear says that no client is behind
// a router.
func (k *asker) classes(labels []int, uplink int, allNear bool) []Class {
	near, size := map[int]bool{}, map[int]float64{}
	for i, label := range labels {
		if label == noLabel {
			continue
		}
		isNear := allNear || len(k.cells[i].home) > 0 || k.cells[i].isHome(uplink) || isLink(k.cells[i].first)
		if _, ok := near[label]; !ok {
			near[label] = true
		}
		near[label] = near[label] && isNear
		if !isNear {
			size[label] += k.size(i)
		}
	}
	if len(near) == 0 {
		return nil
	}
	most := -1
	for label := range near {
		if most < 0 || cmp.Or(cmp.Compare(size[label], size[most]), most-label) > 0 {
			most = label
		}
	}
	var out []Class
	at := map[int]int{}
	for _, p := range prefixes(k.cells, labels, most, k.cuts) {
		if _, ok := at[p.label]; !ok {
			at[p.label] = len(out)
			c := Class{Near: near[p.label], Outcome: k.outcomes[p.label]}
			c.By, c.silent = append(slices.Clip(c.By), c.silent...), nil
			slices.Sort(c.By)
			c.By = slices.Compact(c.By)
			out = append(out, c)
		}
		c := &out[at[p.label]]
		c.Clients = append(c.Clients, p.prefix)
	}
	return out
}

// size is about how many addresses a cell has.
func (k *asker) size(i int) float64 {
	end := math.Ldexp(1, k.cells[i].first.BitLen())
	if i+1 < len(k.cells) {
		end = value(k.cells[i+1].first)
	}
	return end - value(k.cells[i].first)
}

func value(a netip.Addr) float64 {
	n := 0.0
	for _, b := range a.AsSlice() {
		n = n*256 + float64(b)
	}
	return n
}
