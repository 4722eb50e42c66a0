package render

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// setupNote says what is set up wrong on a way; empty: the note is about something else.
func (w words) setupNote(n *lookup.Note) string {
	have, want := iproute2.Safe(fmt.Sprint(n.Have)), iproute2.Safe(fmt.Sprint(n.Want))
	switch n.Code {
	case lookup.NoteGatewayOwn:
		return fmt.Sprintf("the gateway %s is this host's own address, on %s: only another host with the same address could be the next router", have, want)
	case lookup.NoteGatewayShared:
		return fmt.Sprintf("the gateway %s is this host's own address too, on %s; what is sent there goes to the neighbour of that address", have, want)
	case lookup.NoteNoPort:
		return fmt.Sprintf("%s is a bridge without a port: what this host sends there reaches nobody", have)
	case lookup.NoteIsPort:
		return fmt.Sprintf("%s is a port of the %s %s, which takes all that comes in there: no answer reaches an address or a route of %[1]s itself; they belong on %[3]s", have, w.kind(n.Want), want)
	case lookup.NoteNoGateway:
		by := "ARP"
		if n.Route.Family() == route.IPv6 {
			by = "neighbour discovery"
		}
		return fmt.Sprintf("%s has no gateway: on %s this host asks for each destination itself by %s, and only a router that answers for all of them (a proxy) makes that work",
			n.Route.Dst, have, by)
	case lookup.NoteExpiresSoon:
		text := fmt.Sprintf("%s expires in %s s", n.Route.Dst, have)
		if n.Route.Protocol == route.ProtocolRA {
			text += " unless a router advertisement renews it"
		}
		return text
	case lookup.NoteDeprecated:
		return fmt.Sprintf("the source %s is deprecated (its preferred lifetime is over), and no other address fits", have)
	case lookup.NoteTwins:
		return fmt.Sprintf("%s is the network of %s and of %s: all that is sent there leaves by %[2]s, also the answers to what comes in by %[3]s", n.Route.Dst, have, want)
	case lookup.NoteCoversRouter:
		return fmt.Sprintf("%s covers %s's network %s, with its router, too: what is behind that router in %[1]s is looked for on this device's own link", n.Route.Dst, want, have)
	case lookup.NoteNoFallback:
		return fmt.Sprintf("%s does not stand in: of equal routes the kernel uses the first alone, whether its gateway answers or not", iproute2.RouteLine(w.snap, n.Route))
	case lookup.NoteVRFUnasked:
		return fmt.Sprintf("%s is a VRF, but no rule leads to its table %d: its packets take the ordinary tables; `%s` brings its rule back", have, n.Table, want)
	case lookup.NoteRuleHidden:
		return fmt.Sprintf("rule %d (%s: %s) is for this packet too, but is not reached: rule %s takes it first, as it takes every packet, and its table has a default route",
			n.Rule.Priority, iproute2.Selector(n.Rule), ruleTarget(w.snap, n.Rule), have)
	}
	return ""
}

// kind is the kind of a device by its name: "bridge"; "device" where it is not known.
func (w words) kind(name any) string {
	if l := w.snap.LinkByName(fmt.Sprint(name)); l != nil && l.Kind != "" {
		return iproute2.Safe(l.Kind)
	}
	return "device"
}

// misfit is the part of a first line about what no packet gets past; empty: nothing is
// known.
func (w words) misfit(notes []lookup.Note) string {
	for i := range notes {
		switch n := &notes[i]; n.Code {
		case lookup.NoteGatewayOwn:
			return fmt.Sprintf(", but the gateway %v is this host's own address", n.Have)
		case lookup.NoteNoPort:
			return fmt.Sprintf(", but %s has no port", iproute2.Safe(fmt.Sprint(n.Have)))
		case lookup.NoteVRFUnasked:
			return fmt.Sprintf(", for no rule leads to the table of the VRF %v", iproute2.Safe(fmt.Sprint(n.Have)))
		case lookup.NotePrefsrcForeign:
			return ", which is no address of this host"
		}
	}
	return ""
}
