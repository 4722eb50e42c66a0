package load

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxOrders is how many lists of devices are taken; a snapshot has no more.
const maxOrders = 8

// deviceOrder is a listing that shows devices in the order in which they came into
// the namespace: /proc/net/igmp, /proc/net/igmp6 and what netstat prints from them.
// A listing has one list of each kind.
type deviceOrder struct {
	listing int
	kind    string
	devs    []int // provisional
}

// Shapes of the lines (igmp_mc_seq_show in net/ipv4/igmp.c, igmp6_mc_seq_show in
// net/ipv6/mcast.c).
var (
	igmpHeader = lazily(`^Idx\s+Device\s+: Count Querier`)
	igmpDevice = lazily(`^\d+\s+\S+\s*:\s+\d+\s+(?:V[1-3]|NONE)$`)
	igmpGroup  = lazily(`^\s*[0-9A-F]{8}\s+\d+ [01]:[0-9A-F]{8}\s+\d+$`)
	igmp6Group = lazily(`^\d+\s+\S+\s+[0-9a-f]{32}\s+\d+ [0-9A-F]{8} \d+$`)
)

// Shapes of the lines of `ip maddr`: a device, and its groups.
var (
	maddrDevice = lazily(`^\d+:\s+\S+$`)
	maddrGroup  = lazily(`^(?:link|inet6?)\s+\S+(?:\s+users \d+)?(?:\s+static)?$`)
)

// groupLine reads a line about the groups that devices have joined. False: it is no
// such line.
func (t *lines) groupLine(s string, w []string) (ok bool, err error) {
	switch {
	case igmpHeader().MatchString(s):
		return true, nil
	case t.skipped():
		return igmpGroup().MatchString(s) || igmp6Group().MatchString(s) || igmpDevice().MatchString(s) || maddrDevice().MatchString(s), nil
	case igmpGroup().MatchString(s):
		return true, t.joins(w[0])
	case igmp6Group().MatchString(s):
		dev, err := t.groupDevice(w[0], w[1])
		if err != nil {
			return true, err
		}
		last := t.lastNames()
		t.inOrder("igmp6", dev)
		return true, t.joins6(dev, w[2], last != nil)
	case igmpDevice().MatchString(s):
		dev, err := t.groupDevice(w[0], w[1])
		if err != nil {
			return true, err
		}
		t.inOrder("igmp", dev)
		return true, t.has4(dev, s)
	case maddrDevice().MatchString(s):
		t.endNames()
		t.maddrDev, err = t.groupDevice(strings.TrimSuffix(w[0], ":"), w[1])
		return true, err
	case t.maddrDev != 0 && maddrGroup().MatchString(s):
		return t.maddr(w)
	}
	return false, nil
}

// groupDevice is the device that a line about groups names.
func (t *lines) groupDevice(number, name string) (dev int, err error) {
	index, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return 0, err
	}
	return t.define(name, int(index))
}

// maddr reads a group of `ip maddr`. The groups of the link layer decide nothing here.
func (t *lines) maddr(w []string) (ok bool, err error) {
	if w[0] == "link" {
		return true, nil
	}
	group, err := netip.ParseAddr(w[1])
	if err != nil || !group.IsMulticast() {
		return false, nil
	}
	t.joinsByName(t.maddrDev, group, true)
	return true, nil
}

// netstatGroup reads a line of `netstat -g`: a device, a count and a group.
func (t *lines) netstatGroup(w []string) error {
	if strings.HasPrefix(w[0], "---") {
		return nil
	}
	kind := "netstat"
	if strings.Contains(w[2], ":") {
		kind = "netstat6"
	}
	dev, err := t.define(w[0], 0)
	if err == nil {
		t.inOrder(kind, dev)
	}
	return err
}

// inOrder adds a device to the end of its listing's list.
func (f *facts) inOrder(kind string, dev int) {
	for i := range f.orders {
		o := &f.orders[i]
		if o.listing == f.listing && o.kind == kind {
			if o.devs[len(o.devs)-1] != dev {
				o.devs = append(o.devs, dev)
			}
			return
		}
	}
	if len(f.orders) < maxOrders {
		f.orders = append(f.orders, deviceOrder{f.listing, kind, []int{dev}})
	}
}

// order are the lists that can be used. If a device is in two places of a list, the list
// is from two namespaces, or it changed while it was read.
func (f *facts) order(index []int) [][]int {
	var out [][]int
	for _, o := range f.orders {
		seen, list := map[int]bool{}, []int{}
		for _, dev := range o.devs {
			if !seen[index[dev]] {
				list = append(list, index[dev])
			}
			seen[index[dev]] = true
		}
		if len(list) == len(o.devs) && len(list) > 1 {
			out = append(out, list)
		}
	}
	return out
}
