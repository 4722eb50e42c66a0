package text

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// This file says why a command is refused, and which effects are surprising.

// routeWords is a route, with its table if that is not main.
func routeWords(r *iproute2.Route) string {
	text := r.Line()
	if r.Table != tableMain {
		text += " in " + tableWords(r.Table)
	}
	return text
}

// refusalWords are the kernel's words, and then the reason in our words.
func refusalWords(c *report.TryCommand) string {
	text := iproute2.Safe(c.Message)
	if c.By == "kernel" {
		text = fmt.Sprintf("%q", c.Message)
	} else {
		text = iproute2.Safe(c.By) + " says " + text
	}
	if why := refusedBecause(c); why != "" {
		text += ": " + why
	}
	return text
}

// refusedBecause says why a command is refused; empty: the kernel's words already say
// it.
func refusedBecause(c *report.TryCommand) string {
	want, have := name(c.Reason.Want), name(c.Reason.Have)
	switch c.Reason.Code {
	case report.RefusedThere:
		return fmt.Sprintf("%s has this very route already", tableWords(c.Route.Table))
	case report.RefusedKey:
		return fmt.Sprintf("%s already has %s", tableWords(c.Route.Table), keyWords(c.Route))
	case report.RefusedOffLink:
		return offLinkWords(c, want, have)
	case report.RefusedElsewhere:
		return fmt.Sprintf("gateway %s is on the link of %s", want, have)
	case report.RefusedBroadcast:
		return want + " is a broadcast address"
	case report.RefusedOwnGateway:
		return want + " is this host's own address"
	case report.RefusedDown:
		return have + " is down"
	case report.RefusedNoWay:
		return "it says neither via which gateway nor by which dev"
	case report.RefusedSource:
		return want + " is not an address of this host"
	case report.RefusedBits:
		return want + " has bits after its length"
	case report.RefusedAbsent:
		return fmt.Sprintf("%s has no route to %s", tableWords(have), want)
	case report.RefusedOther:
		return fmt.Sprintf("%s has %s, which is not the one named", tableWords(c.Route.Table), c.Route.Line())
	case report.RefusedSecondHop:
		return "of a route with several next hops, IPv4 compares the first one alone"
	}
	return refusedObject(c, want, have)
}

// refusedObject says the same about commands that are not about a route.
func refusedObject(c *report.TryCommand, want, have string) string {
	switch c.Reason.Code {
	case report.RefusedRuleThere:
		if c.Rule == nil {
			return "there is such a rule"
		}
		return fmt.Sprintf("rule %d is the same", c.Rule.Priority)
	case report.RefusedRuleAbsent:
		if c.Rule == nil {
			return "no rule is like that"
		}
		return "no rule is like that; nearest is " + c.Rule.String()
	case report.RefusedAddrThere:
		return fmt.Sprintf("%s has %s", have, want)
	case report.RefusedAddrAbsent:
		if c.Address.IsValid() {
			return fmt.Sprintf("this host has %s", c.Address)
		}
		return fmt.Sprintf("%s does not have %s", have, want)
	case report.RefusedObjectThere:
		return fmt.Sprintf("there is a nexthop object %s", have)
	case report.RefusedObjectAbsent:
		return fmt.Sprintf("there is no nexthop object %s", have)
	case report.RefusedUnopened:
		return "no program has " + have + " open"
	case report.RefusedSetting:
		return "this kernel has no /proc/sys/" + have
	case report.RefusedFlush:
		return fmt.Sprintf("ip cannot flush routes by next-hop objects, and %s (ip route del PREFIX nhid ID deletes one)", staying(have))
	}
	return ""
}

// staying says how many routes stay.
func staying(n string) string {
	if n == "1" {
		return "one stays"
	}
	return n + " stay"
}

// keyWords is a route, described by what identifies it: prefix, metric, and where it
// leads.
func keyWords(r *iproute2.Route) string {
	what := r.Destination()
	if r.IsDefault() {
		what = "a default route"
	}
	metric := uint64(0)
	if r.Metric != nil {
		metric = uint64(*r.Metric)
	}
	text := fmt.Sprintf("%s with metric %d", what, metric)
	switch way := r.Way(); {
	case way != "":
		text += ", " + way
	case r.IsDefault() && r.Type != typeUnicast:
		text += ", of type " + string(r.Type)
	}
	return text
}

// offLinkWords says that a gateway is not on the link.
func offLinkWords(c *report.TryCommand, gateway, dev string) string {
	text := fmt.Sprintf("gateway %s is in no network of this host", gateway)
	if dev != "" {
		text = fmt.Sprintf("gateway %s is in no network of %s", gateway, dev)
	}
	if c.Route != nil && c.Route.Way() != "" {
		text += fmt.Sprintf(" (%s leads there, and a gateway must be a neighbour)", routeWords(c.Route))
	}
	return text
}

// addressWords says what happens to addresses that the command does not name.
func addressWords(f *report.Finding, want, have string) string {
	var list []string
	for _, a := range f.Addresses {
		list = append(list, a.Prefix.String())
	}
	all := strings.Join(list, ", ")
	switch {
	case f.Code == report.RemarkPromoted:
		return want + " becomes the first address of the network"
	case f.Code == report.RemarkSecondaries:
		return fmt.Sprintf("it takes %s away too, of the same network", all)
	case f.Code == report.RemarkNoFamily && all == "":
		return fmt.Sprintf("%s has no %s with an MTU below 1280", have, want)
	case f.Code == report.RemarkNoFamily:
		return fmt.Sprintf("%s has no %s with an MTU below 1280: %s goes for good", have, want, all)
	case f.More == 2:
		return fmt.Sprintf("it takes %s away for good", all)
	case f.More > 0:
		return fmt.Sprintf("it takes %s away, which went with the device", all)
	}
	return fmt.Sprintf("it takes %s away, and up does not bring that back", all)
}

// surprise is a finding about commands, as a sentence.
func surprise(f *report.Finding) string {
	want, have := name(f.Want), name(f.Have)
	switch f.Code {
	case lookup.NoteChanging:
		return changingWords
	case report.RemarkSelected:
		return selectedWords(f)
	case report.RemarkBeside:
		return besideWords(f)
	case report.RemarkRoutesGone:
		return goneWords(int(f.Have.Number()), int(f.Want.Number()))
	case report.RemarkAddrsGone, report.RemarkNoFamily, report.RemarkSecondaries, report.RemarkPromoted:
		return addressWords(f, want, have)
	case report.RemarkSplit:
		return "the first change of a rule parts IPv4's tables local and main, which stay two"
	case report.RemarkNotRenewed:
		return fmt.Sprintf("router advertisements no longer renew %s: it ends in %s s", routeWords(f.Route), want)
	case report.RemarkAdvertisement:
		return fmt.Sprintf("what the next router advertisement on %s does is not known here", have)
	case report.RemarkUnread:
		return fmt.Sprintf("what the %s of %s does to packets is not looked at", want, have)
	case report.RemarkKind:
		return fmt.Sprintf("whether this kernel has devices of type %s is not known", want)
	case report.RemarkPartly:
		return "a part of it is made all the same, and undo takes that back"
	case report.RemarkOwnGateway:
		return want + " is this host's own address: packets go to no router"
	case report.RemarkNoGateway:
		return fmt.Sprintf("%s has no gateway: this host asks for each destination itself on %s", f.Route.Dst, have)
	case report.RemarkOneAddress:
		return want + " has no length: it is one address without a network"
	case report.RemarkForgotten:
		return fmt.Sprintf("%s does not keep %s", want, have)
	case report.RemarkNoCarrier:
		return have + " has no carrier, and the route is used all the same"
	case report.RemarkPassedOver:
		return have + " has no carrier, and the route is not used before it has one (ignore_routes_with_linkdown)"
	case report.RemarkSilent:
		return fmt.Sprintf("gateway %s does not answer: its neighbour entry on %s is FAILED", want, have)
	case report.RemarkStillThere:
		return "there is another route to the same prefix: " + routeWords(f.Route) + " stays"
	case report.RemarkSecondLink:
		first := have
		if f.More > 0 {
			first = "the new device"
		}
		return fmt.Sprintf("%s is on %s too, and packets to it leave by %s alone", want, have, first)
	case report.RemarkDefaultGone:
		return fmt.Sprintf("%s has no default route any more", have)
	case report.RemarkExpires:
		what := want
		if f.Route != nil {
			what = routeWords(f.Route)
		}
		return fmt.Sprintf("%s goes after %s s, unless something renews it", what, have)
	case report.RemarkDeleteAlone:
		return fmt.Sprintf("%s is refused, and %s is done all the same", commandText(want), commandText(have))
	case report.RemarkReceived:
		what := want + " decides"
		if f.More > 0 {
			what = fmt.Sprintf("%s and %s decide", want, agree(f.More, "more setting", "more settings"))
		}
		return what + " about packets that come in, and these were not compared: ask with ADDRESS --iif DEV --from ADDRESS"
	case lookup.NoteOuterLoop:
		return outerFinding(f)
	case report.RemarkOwnTunnel:
		return fmt.Sprintf("%s may carry its own packets, and stop: %s, which has it open, also has %s without a peer (%s), and what it sends by that to other networks would go into %[1]s. A route to the tunnel's other end by the present gateway prevents that",
			have, want, agreeWord(len(f.Sockets), "a UDP socket", "UDP sockets"), and(f.Sockets))
	}
	return string(f.Code)
}

// selectedWords says which packets were not compared.
func selectedWords(f *report.Finding) string {
	text, ask := selection(f)
	if ask != "" {
		text += ": ask with " + ask
	}
	return text
}

// besideWords says that a replace command replaced nothing.
func besideWords(f *report.Finding) string {
	metric := int64(0)
	if f.Route.Metric != nil {
		metric = int64(*f.Route.Metric)
	}
	what := "the route to " + f.Route.Dst
	if f.Route.IsDefault() {
		what = "the default route"
	}
	which := "which wins"
	if f.Want.Number() > metric {
		which = "which stands by"
	}
	return fmt.Sprintf("it replaces nothing: %s in %s has metric %d, so this adds a second one, with metric %d, %s",
		what, tableWords(f.Route.Table), metric, f.Want.Number(), which)
}

// goneWords says how many routes are removed, and that some of them do not come back.
func goneWords(all, static int) string {
	switch {
	case all == static:
		return fmt.Sprintf("it takes %s away, and none comes back by itself", count(all, "route"))
	case static == 1:
		return fmt.Sprintf("it takes %s away, of which one does not come back by itself", count(all, "route"))
	}
	return fmt.Sprintf("it takes %s away, of which %d do not come back by themselves", count(all, "route"), static)
}

// insteadWords says what a command does that the user may have meant.
func insteadWords(c lookup.Code) string {
	switch c {
	case report.InsteadReplace:
		return "changes the one that is there"
	case report.InsteadBeside:
		return "adds one that stands by"
	case report.InsteadOnlink:
		return "takes the gateway for a neighbour all the same"
	case report.InsteadDevice:
		return "names the gateway's device"
	case report.InsteadAdd:
		return "adds it"
	case report.InsteadThere:
		return "deletes the one that is there"
	case report.InsteadMasked:
		return "has no bits after the length"
	}
	return "has the word that is missing"
}
