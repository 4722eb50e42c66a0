package text

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// heard is what is said about some uplinks.
type heard struct {
	uplinks []string
	text    string
	tint    ink
}

// heard says who reaches an address, by each uplink: those of which the same is to be said
// are named together.
func (w words) heard(l *listen.Local, verbose bool) []heard {
	var out []heard
	answered := slices.ContainsFunc(l.Views, func(v listen.View) bool { return isAnswered(&v) })
	for i := range l.Views {
		v := &l.Views[i]
		if answered && !isAnswered(v) && !verbose {
			continue
		}
		text, tint := w.view(v, l.Addr(), verbose)
		if text == "" {
			continue
		}
		at := slices.IndexFunc(out, func(h heard) bool { return h.text == text })
		if at < 0 {
			at = len(out)
			out = append(out, heard{text: text, tint: tint})
		}
		out[at].uplinks = append(out[at].uplinks, w.dev(v.Uplink))
	}
	return out
}

// isAnswered reports whether some clients of an uplink get answers, or may.
func isAnswered(v *listen.View) bool {
	some, _ := v.Reached()
	return some || v.Uncertain()
}

// reach are the lines that say who reaches an address.
func (w words) reach(l *listen.Local, verbose bool) []tinted {
	all := w.heard(l, verbose)
	var out []tinted
	for i, h := range all {
		if i == maxUplinks && !verbose && len(all) > maxUplinks+1 {
			out = append(out, tinted{fmt.Sprintf("and by %d more devices (-v lists them)", len(all)-i), plain})
			break
		}
		out = append(out, tinted{"from " + someDevices(h.uplinks) + ": " + h.text, h.tint})
	}
	switch {
	case len(out) > 0:
	case l.Self:
		out = []tinted{{"this host alone", plain}}
	default:
		out = []tinted{{"nobody", yellow}}
	}
	return out
}

type tinted struct {
	text string
	ink  ink
}

// devs are the names of devices.
func (w words) devs(links []int) []string {
	var out []string
	for _, link := range links {
		out = append(out, w.dev(link))
	}
	return out
}

const (
	// maxUplinks is how many lines about one address are shown without -v.
	maxUplinks = 6
	// maxClients is how many networks of clients are named without -v.
	maxClients = 4
)

func someDevices(all []string) string {
	if n := len(all); n > 4 {
		return fmt.Sprintf("%s and %d more devices", strings.Join(all[:3], ", "), n-3)
	}
	return listed(all)
}

// view says who reaches an address by one uplink; empty: nothing is delivered by it.
func (w words) view(v *listen.View, a netip.Addr, verbose bool) (string, ink) {
	if !slices.ContainsFunc(v.Classes, func(c listen.Class) bool { return c.Delivered != route.No }) {
		return "", plain
	}
	first := &v.Classes[0]
	if some, _ := v.Reached(); some && isLinkLocal6(a) && !verbose {
		return "its link", plain
	}
	if len(v.Classes) == 1 && !first.Good(v.Uplink) {
		return w.fate("all", v, first), yellow
	}
	var good, rest []string
	var other []*listen.Class
	// What others are inside a network that is named is named too.
	inner := clientList(first.Clients[1:], verbose)
	if len(first.Clients) == 1 || inner == linkLocalClients {
		inner = ""
	}
	others := "others"
	switch {
	case first.Good(v.Uplink) && inner != "":
		good = append(good, "anyone ("+inner+" too)")
	case first.Good(v.Uplink):
		good = append(good, "anyone")
	case inner != "":
		others += " and " + inner
	}
	for i := range v.Classes[1:] {
		c := &v.Classes[1+i]
		switch clients := clientList(c.Clients, verbose); {
		case c.Good(v.Uplink):
			good = append(good, clients)
		case c.Answered == route.Yes && c.Reason.Code == "" && !slices.Contains(c.By, v.Uplink) && !verbose:
			other = append(other, c)
		default:
			rest = append(rest, w.fate(clients, v, c))
		}
	}
	rest = append(w.byOthers(v, other), rest...)
	if n := len(rest); n > maxClients+1 && !verbose {
		rest = append(rest[:maxClients], fmt.Sprintf("and other networks (-v lists %d)", n-maxClients))
	}
	if first.Good(v.Uplink) {
		return strings.Join(append(good, rest...), "; "), plain
	}
	return strings.Join(append(append(good, rest...), w.fate(others, v, first)), "; "), yellow
}

// byOthers says that some clients get answers by other devices: which, where they are few.
func (w words) byOthers(v *listen.View, all []*listen.Class) []string {
	switch {
	case len(all) == 0:
		return nil
	case len(all) == 1 && len(all[0].Clients) <= maxClients:
		return []string{w.fate(clientList(all[0].Clients, false), v, all[0])}
	}
	var by []string
	for _, c := range all {
		for _, dev := range w.devs(c.By) {
			if !slices.Contains(by, dev) {
				by = append(by, dev)
			}
		}
	}
	return []string{"what is routed by " + someDevices(by) + " gets answers that way, which networks may drop"}
}

// linkLocalClients stands for clients that have nothing but link-local addresses.
const linkLocalClients = "link-local addresses"

// clientList names networks of clients. Those of a link go without saying where
// there are others, but with -v.
func clientList(all []netip.Prefix, verbose bool) string {
	var out []string
	for _, p := range all {
		if verbose || !isLinkLocal6(p.Addr()) {
			out = append(out, prefixOrAddr(p))
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

// isLinkLocal6 reports whether an address has a meaning on one link alone.
func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

func prefixOrAddr(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// fate says what becomes of clients that get no answer, or one by another way.
func (w words) fate(clients string, v *listen.View, c *listen.Class) string {
	r := c.Reason
	switch {
	case c.Answered == route.Yes && r.Code != "":
		return clients + " get answers by " + strings.Join(w.devs(c.By), " or ") + ", but some get none (" + w.unanswered(r) + ")"
	case c.Answered == route.No && r.Code == listen.CodeOtherLink:
		return clients + " get no answer unless they are on " + w.link(r.Want) + "'s link too"
	case c.Answered == route.Yes && slices.Contains(c.By, v.Uplink):
		return clients + " get answers by " + strings.Join(w.devs(c.By), " or ")
	case c.Answered == route.Yes:
		return clients + " get answers by " + strings.Join(w.devs(c.By), " or ") + ", which networks may drop"
	case r.Code == lookup.CodeSettingUnread:
		return clients + ": cannot tell (" + path.Base(fmt.Sprint(r.Want)) + " is not known)"
	case c.Delivered == route.Unknown, c.Answered == route.Unknown:
		return clients + ": cannot tell (" + w.uncertain(r) + ")"
	case c.Delivered == route.No:
		return clients + " " + w.dropped(v, r)
	}
	return clients + " get no answer (" + w.unanswered(r) + ")"
}

// unanswered says why there is no answer.
func (w words) unanswered(r lookup.Reason) string {
	switch r.Code {
	case listen.CodeRefused:
		return fmt.Sprint(r.Want)
	case listen.CodeLoopback:
		return "it may not leave with a loopback address"
	case listen.CodeOnLinkAlone:
		return "no route by the device that the socket is bound to"
	case listen.CodeNoCarrier:
		return w.link(r.Want) + " has no carrier or is down"
	case listen.CodeSilent:
		return fmt.Sprintf("their gateway %v did not answer the last time", r.Want)
	case listen.CodeUnheard:
		return "neighbours on " + w.link(r.Want) + " cannot be asked, for their answers are refused"
	case listen.CodeOtherLink:
		return "they are not on " + w.link(r.Want) + "'s link"
	}
	return "no route"
}

// dropped says why packets do not get to a socket.
func (w words) dropped(v *listen.View, r lookup.Reason) string {
	switch r.Code {
	case listen.CodeFiltered:
		return "are dropped on " + w.dev(v.Uplink) + " (reverse-path filter)"
	case listen.CodeNoIPv6:
		return "are dropped on " + w.dev(v.Uplink) + " (disable_ipv6)"
	case listen.CodeOwnSource, listen.CodeMartian:
		return "are dropped on " + w.dev(v.Uplink) + " (martian)"
	}
	return fmt.Sprintf("are not delivered here (%v)", r.Want)
}

// jsonClass is one class of clients. The longest of all prefixes of one uplink and address
// that covers a client says which class it is in.
type jsonClass struct {
	Addresses []string       `json:"addresses"`
	Uplink    string         `json:"uplink"`
	Clients   []string       `json:"clients"`
	Delivered *bool          `json:"delivered,omitempty"` // absent: not known
	Answered  *bool          `json:"answered,omitempty"`
	By        []string       `json:"by,omitempty"`
	Reason    *lookup.Reason `json:"reason,omitempty"`
}

// classesJSON are the classes of clients of some addresses, those that are the same
// together.
func classesJSON(snap *route.Snapshot, locals []listen.Local) []jsonClass {
	out := []jsonClass{}
	at := map[string][2]int{} // by what the classes of an uplink are
	for i := range locals {
		l := &locals[i]
		for j := range l.Views {
			v := &l.Views[j]
			key := fmt.Sprint(v.Uplink, v.Classes)
			if span, ok := at[key]; ok {
				for k := span[0]; k < span[1]; k++ {
					out[k].Addresses = append(out[k].Addresses, prefixOrAddr(l.Prefix))
				}
				continue
			}
			from := len(out)
			for k := range v.Classes {
				out = append(out, classJSON(snap, &v.Classes[k], prefixOrAddr(l.Prefix), v.Uplink))
			}
			at[key] = [2]int{from, len(out)}
		}
	}
	return out
}

func classJSON(snap *route.Snapshot, c *listen.Class, address string, uplink int) jsonClass {
	j := jsonClass{Addresses: []string{address}, Uplink: snap.LinkName(uplink), Delivered: known(c.Delivered), Answered: known(c.Answered)}
	for _, p := range c.Clients {
		j.Clients = append(j.Clients, p.String())
	}
	for _, link := range c.By {
		j.By = append(j.By, snap.LinkName(link))
	}
	if c.Reason.Code != "" {
		r := c.Reason
		if link, ok := r.Want.(int); ok {
			r.Want = snap.LinkName(link)
		}
		if link, ok := r.Have.(int); ok && r.Code == listen.CodeSilent {
			r.Have = snap.LinkName(link)
		}
		j.Reason = &r
	}
	return j
}

// known is a tristate in JSON.
func known(t route.Tristate) *bool {
	if t == route.Unknown {
		return nil
	}
	yes := t == route.Yes
	return &yes
}
