package text

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// own is an address of this host, and which clients reach it.
type own struct {
	*report.ExposedAddress
	*reached
}

// reached says which clients reach some addresses, for each device where packets come in.
// Addresses with the same result share one reached.
type reached struct {
	views     []view
	how       listen.Reach
	selfTo    string // the other socket, which takes what this host itself sends
	linkLocal bool   // the addresses have a meaning only on one link
	linkGroup bool   // they are groups whose packets stay on a link
	lines     []tinted
	text      string // the lines as one string
}

// view says which clients reach an address by one device. The first class is the one of
// the prefix of length 0.
type view struct {
	uplink  string
	classes []*report.ClientClass
	several bool // what is said must be true of other uplinks too: it names neither this one nor its networks
}

// ownOf joins some addresses with their classes, and says which clients reach them. If
// the result is the same for several addresses, it is said once.
func ownOf(x *report.Exposed, verbose bool) []own {
	all := make([]own, len(x.Addresses))
	lists, classes := addressLists(x.Classes)
	in := map[report.HostAddr][]int{} // the lists that an address is in
	for k, list := range lists {
		for _, a := range slices.Compact(slices.Clone(list)) {
			in[a] = append(in[a], k)
		}
	}
	made := map[string]*reached{}
	for i := range x.Addresses {
		a := &x.Addresses[i]
		key := fmt.Sprint(a.Reach, a.SelfTo, in[a.Address])
		linkLocal := isLinkLocal6(a.Address.Addr())
		if linkLocal {
			key += a.Dev
		}
		r := made[key]
		if r == nil {
			r = &reached{how: a.Reach, selfTo: a.SelfTo, linkLocal: linkLocal, linkGroup: listen.IsLinkGroup(a.Address.Addr())}
			var places []int
			for _, k := range in[a.Address] {
				places = append(places, classes[k]...)
			}
			slices.Sort(places)
			for _, c := range places {
				r.add(&x.Classes[c], a.Dev)
			}
			r.lines = r.reach(verbose)
			r.text = fmt.Sprint(r.lines)
			made[key] = r
		}
		all[i] = own{a, r}
	}
	return all
}

// addressLists are the different lists of addresses that some classes have, and for each
// list the indexes of the classes that have it.
func addressLists(all []report.ClientClass) (lists [][]report.HostAddr, classes [][]int) {
	shared, same := map[*report.HostAddr]int{}, map[string]int{}
	for i := range all {
		list := all[i].Addresses
		if len(list) == 0 {
			continue
		}
		k, ok := shared[&list[0]]
		if !ok {
			text := fmt.Sprint(list)
			if k, ok = same[text]; !ok {
				k = len(lists)
				lists, classes = append(lists, list), append(classes, nil)
			}
			shared[&list[0]], same[text] = k, k
		}
		classes[k] = append(classes[k], i)
	}
	return lists, classes
}

// add adds a class of clients. More than one device may have the same link-local
// address.
func (o *reached) add(c *report.ClientClass, dev string) {
	if o.linkLocal && c.Uplink != dev {
		return
	}
	if n := len(o.views); n == 0 || o.views[n-1].uplink != c.Uplink {
		o.views = append(o.views, view{uplink: c.Uplink})
	}
	last := &o.views[len(o.views)-1]
	last.classes = append(last.classes, c)
}

// heard is what is said about some of the uplinks.
type heard struct {
	uplinks []string
	text    string
	tint    ink
}

// heard says who reaches an address, for each uplink. Uplinks with the same text are named
// together. If that leaves more than maxApart texts, without -v, uplinks share a text too
// that differs only in which networks are on the links of the uplinks themselves.
func (o *reached) heard(verbose bool) []heard {
	out := o.joined(verbose, func(v *view) spoken { return v.words(o.linkLocal || o.linkGroup, verbose) })
	if verbose || len(out) <= maxApart {
		return out
	}
	shared := o.joined(false, func(v *view) spoken {
		general := *v
		general.several = true
		return general.words(o.linkLocal || o.linkGroup, false)
	})
	for i := range shared {
		// What is said about a single uplink names its networks.
		if at := slices.IndexFunc(out, func(h heard) bool { return slices.Equal(h.uplinks, shared[i].uplinks) }); at >= 0 {
			shared[i] = out[at]
		}
	}
	return shared
}

// joined says of each uplink what a function says of it. Uplinks with the same text are named
// together, whether or not some of them have neighbours beside.
func (o *reached) joined(verbose bool, words func(*view) spoken) []heard {
	var out []heard
	place := map[string]int{} // the key is the text
	answered := slices.ContainsFunc(o.views, func(v view) bool { return v.answered() })
	for i := range o.views {
		v := &o.views[i]
		if answered && !v.answered() && !v.taken() && !verbose {
			continue
		}
		said := words(v)
		if said.text == "" {
			continue
		}
		at, ok := place[said.text]
		if !ok {
			at = len(out)
			out, place[said.text] = append(out, heard{text: said.text, tint: said.tint}), at
		}
		if said.neighbours {
			out[at].text = theirNeighbours + "; " + said.text
		}
		out[at].uplinks = append(out[at].uplinks, iproute2.Safe(v.uplink))
	}
	return out
}

// theirNeighbours are the clients on the links of several uplinks, each by its own.
const theirNeighbours = "each one's neighbours"

// spoken is what is said about one uplink. Neighbours says that the clients on its own link
// get answers by it too, if the text does not name their networks.
type spoken struct {
	text       string
	tint       ink
	neighbours bool
}

// answered reports whether some clients get answers, or may get them.
func (v *view) answered() bool {
	return slices.ContainsFunc(v.classes, func(c *report.ClientClass) bool { return yes(c.Answered) || c.Answered == nil || c.Delivered == nil })
}

// sent reports whether packets that the clients of a class send to a group are
// delivered.
func sent(c *report.ClientClass) bool {
	return yes(c.Delivered) && c.Reason.Code == listen.CodeAnswerElsewhere
}

// taken reports whether another socket comes first.
func (v *view) taken() bool { return v.classes[0].Reason.Code == listen.CodeOtherSocket }

// yes reports whether something is known to be true.
func yes(known *bool) bool { return known != nil && *known }

// no reports whether something is known to be false.
func no(known *bool) bool { return known != nil && !*known }

// good reports whether the clients of a class get every answer by the device where
// their packets came in. For a group, it reports whether the packets that they send
// arrive.
func (v *view) good(c *report.ClientClass) bool {
	return sent(c) || yes(c.Answered) && c.Reason.Code == "" && len(c.By) == 1 && c.By[0] == v.uplink
}

// reach are the lines that say which clients reach the addresses.
func (o *reached) reach(verbose bool) []tinted {
	all := o.heard(verbose)
	var out []tinted
	for i, h := range all {
		if i == maxUplinks && !verbose && len(all) > maxUplinks+1 {
			out = append(out, tinted{fmt.Sprintf("and by %d more devices (-v lists them)", len(all)-i), plain})
			break
		}
		if h.text == itsLink && len(h.uplinks) > 1 {
			h.text = "their links"
		}
		out = append(out, tinted{"from " + namedDevices(h.uplinks, verbose) + ": " + h.text, h.tint})
	}
	switch {
	case len(out) > 0:
	case o.how == listen.ReachHost:
		out = []tinted{{"this host alone", plain}}
	case o.selfTo != "":
		out = []tinted{{"from this host: " + takenBy(o.selfTo), plain}}
	default:
		out = []tinted{{"nobody", yellow}}
	}
	return out
}

type tinted struct {
	text string
	ink  ink
}

// devs are names of devices in a form that is safe for a terminal.
func devs(all []string) []string {
	var out []string
	for _, dev := range all {
		out = append(out, iproute2.Safe(dev))
	}
	return out
}

const (
	// maxUplinks is how many lines about one address are shown without -v.
	maxUplinks = 6
	// maxApart is how many lines about one address may name networks of single devices
	// without -v, where there are shorter ones.
	maxApart = 3
	// maxClients is how many networks of clients are named without -v.
	maxClients = 4
	// maxDevices is how many devices are named in one sentence, and maxDevicesVerbose with -v.
	maxDevices        = 4
	maxDevicesVerbose = 64
)

func someDevices(all []string) string { return namedDevices(all, false) }

func namedDevices(all []string, verbose bool) string {
	most := maxDevices
	if verbose {
		most = maxDevicesVerbose
	}
	if n := len(all); n > most {
		return fmt.Sprintf("%s and %d more devices", strings.Join(all[:3], ", "), n-3)
	}
	return listed(all)
}

// itsLink says who reaches an address that has a meaning only on one link.
const itsLink = "its link"

// words say which clients reach an address; empty: nothing is delivered.
func (v *view) words(linkLocal, verbose bool) spoken {
	if v.taken() {
		return spoken{text: takenBy(v.classes[0].Reason.Want.String())}
	}
	if !slices.ContainsFunc(v.classes, func(c *report.ClientClass) bool { return !no(c.Delivered) }) {
		return spoken{}
	}
	first := v.classes[0]
	some := slices.ContainsFunc(v.classes, func(c *report.ClientClass) bool { return yes(c.Answered) || sent(c) })
	if some && linkLocal && !verbose {
		return spoken{text: itsLink}
	}
	classes := v.classes
	if !verbose {
		classes = slices.DeleteFunc(slices.Clone(classes), v.neighboursElsewhere)
	}
	if len(classes) == 1 && !v.good(first) {
		return spoken{text: v.fate("all", first), tint: yellow}
	}
	var good, rest []string
	var other []*report.ClientClass
	// If a named network has smaller networks inside that are among the others, they
	// are named too.
	inner := clientList(first.Clients[1:], verbose)
	if len(first.Clients) == 1 || inner == linkLocalClients {
		inner = ""
	}
	others, neighbours := "others", false
	switch {
	case v.good(first) && inner != "":
		good = append(good, "anyone ("+inner+" too)")
	case v.good(first):
		good = append(good, "anyone")
	case inner != "":
		others += " and " + inner
	}
	for _, c := range classes[1:] {
		switch clients := clientList(c.Clients, verbose); {
		case v.several && c.Near && v.good(c):
			neighbours = true
		case v.good(c):
			good = append(good, clients)
		case yes(c.Answered) && c.Reason.Code == "" && !slices.Contains(c.By, v.uplink) && !verbose:
			other = append(other, c)
		default:
			rest = append(rest, v.fate(clients, c))
		}
	}
	rest = append(v.byOthers(other), rest...)
	if n := len(rest); n > maxClients+1 && !verbose {
		rest = append(rest[:maxClients], fmt.Sprintf("and other networks (-v lists %d)", n-maxClients))
	}
	if v.good(first) {
		return spoken{strings.Join(append(good, rest...), "; "), plain, neighbours}
	}
	return spoken{strings.Join(append(append(good, rest...), v.fate(others, first)), "; "), yellow, neighbours}
}

// neighboursElsewhere reports whether nobody needs to hear of a class: its clients are
// neighbours by other devices. Either their packets come in there as a rule, and they get
// answers as the others do, or there is nobody, because the device has no other end.
func (v *view) neighboursElsewhere(c *report.ClientClass) bool {
	if c != v.classes[0] && c.Near && c.Reason.Code == listen.CodeNowhere && name(c.Reason.Want) != "lo" {
		return true
	}
	answered := func(c *report.ClientClass) bool { return yes(c.Answered) && c.Reason.Code == "" }
	return c != v.classes[0] && c.Near && answered(c) && answered(v.classes[0]) && !slices.Contains(c.By, v.uplink) && !v.insideOthers(c)
}

// insideOthers reports whether a client of a class is in a prefix of another one, the first
// class apart.
func (v *view) insideOthers(c *report.ClientClass) bool {
	return slices.ContainsFunc(v.classes[1:], func(x *report.ClientClass) bool {
		return x != c && slices.ContainsFunc(x.Clients, func(p netip.Prefix) bool {
			return slices.ContainsFunc(c.Clients, p.Overlaps)
		})
	})
}

// takenBy says that another socket comes first, and what it is bound to.
func takenBy(bound string) string { return "the socket on " + iproute2.Safe(bound) + " takes it" }

// byOthers says that some clients get answers by other devices. If there are few such
// clients, it names them.
func (v *view) byOthers(all []*report.ClientClass) []string {
	switch {
	case len(all) == 0:
		return nil
	case len(all) == 1 && len(all[0].Clients) <= maxClients:
		return []string{v.fate(clientList(all[0].Clients, false), all[0])}
	}
	var by []string
	for _, c := range all {
		for _, dev := range devs(c.By) {
			if !slices.Contains(by, dev) {
				by = append(by, dev)
			}
		}
	}
	return []string{"what is routed by " + someDevices(by) + " gets answers that way, which networks may drop"}
}

// linkLocalClients stands for clients that have only link-local addresses.
const linkLocalClients = "link-local addresses"

// clientList names networks of clients. The networks of a link are not named if there
// are others, except with -v.
func clientList(all []netip.Prefix, verbose bool) string {
	var out []string
	for _, p := range all {
		if verbose || !isLinkLocal6(p.Addr()) {
			out = append(out, iproute2.Prefix(p))
		}
	}
	if len(out) == 0 {
		return linkLocalClients
	}
	if n := len(out); n > maxClients+1 && !verbose {
		out = append(out[:maxClients], fmt.Sprintf("%d more networks", n-maxClients))
	}
	return listed(out)
}

// isLinkLocal6 reports whether an address has a meaning only on one link.
func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// fate says what happens to clients that get no answer, or get it by another way.
func (v *view) fate(clients string, c *report.ClientClass) string {
	r := c.Reason
	by := " get answers by " + alternatives(devs(c.By))
	switch {
	case yes(c.Answered) && r.Code == listen.CodeSilent:
		return clients + by + ", but some perhaps get none (" + unanswered(r) + ")"
	case c.Answered == nil && r.Code == listen.CodeSilent:
		return clients + " perhaps get no answer (" + unanswered(r) + ")"
	case yes(c.Answered) && r.Code != "":
		return clients + by + ", but some get none (" + unanswered(r) + ")"
	case no(c.Answered) && r.Code == listen.CodeOtherLink:
		return clients + " get no answer unless they are on " + name(r.Want) + "'s link too"
	case no(c.Answered) && r.Code == listen.CodeOnLinkAlone:
		return clients + " get no answer unless they are on the link of the device that the socket is bound to"
	case yes(c.Answered) && slices.Contains(c.By, v.uplink):
		return clients + by
	case yes(c.Answered):
		return clients + by + ", which networks may drop"
	case r.Code == lookup.CodeSettingUnread:
		return clients + ": cannot tell (" + path.Base(name(r.Want)) + " is not known)"
	case c.Delivered == nil, c.Answered == nil:
		return clients + ": cannot tell (" + uncertainWords(r) + ")"
	case no(c.Delivered):
		return clients + " " + v.dropped(r)
	}
	return clients + " get no answer (" + unanswered(r) + ")"
}

// unanswered says why there is no answer.
func unanswered(r report.Reason) string {
	switch r.Code {
	case listen.CodeRefused:
		return r.Want.String()
	case listen.CodeLoopback:
		return "it may not leave with a loopback address"
	case listen.CodeNoSource:
		return "it may not leave from an address that no device has"
	case listen.CodeNoCarrier:
		return name(r.Want) + " has no carrier or is down"
	case listen.CodeNowhere:
		return "nobody is at the other end of " + name(r.Want)
	case listen.CodePort:
		return name(r.Want) + " is a port of another device, which takes what neighbours answer"
	case listen.CodeNoIPv6Out:
		return name(r.Want) + " has no IPv6"
	case listen.CodeSilent:
		return fmt.Sprintf("their gateway %v did not answer the last time", r.Want)
	case listen.CodeUnheard:
		return "neighbours on " + name(r.Want) + " cannot be asked for their link-layer addresses"
	case listen.CodeOtherLink:
		return "they are not on " + name(r.Want) + "'s link"
	}
	return "no route"
}

// dropped says why packets do not get to a socket.
func (v *view) dropped(r report.Reason) string {
	there := "on " + iproute2.Safe(v.uplink)
	if v.several {
		there = "there"
	}
	switch r.Code {
	case listen.CodeFiltered:
		return "are dropped " + there + " (reverse-path filter)"
	case listen.CodeNoIPv6:
		return "are dropped " + there + " (disable_ipv6)"
	case listen.CodeNotJoined:
		return "are dropped " + there + " (it has not joined the group)"
	case listen.CodeSmallMTU:
		return "are dropped " + there + " (its MTU is too small for IPv6)"
	case listen.CodeOwnSource, listen.CodeMartian:
		return "are dropped " + there + " (martian)"
	}
	return fmt.Sprintf("are not delivered here (%v)", r.Want)
}
