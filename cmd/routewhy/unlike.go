package main

import (
	"context"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// unlike tells where the ways of two packets separate. One is the packet of the command
// line. The other one is the same except for its destination and the fields that follow
// it.
func unlike(ctx context.Context, o *options, s stdio) error {
	second, err := o.second()
	if err != nil {
		return err
	}
	var asked [2]*report.Question
	for i, one := range []*options{o, second} {
		dests, err := resolveAll(ctx, one)
		if err != nil {
			return err
		}
		asked[i] = one.question(dests[:1])
	}
	if a, b := asked[0].To[0].Family(), asked[1].To[0].Family(); a != b {
		return usagef("%s is %s and %s is %s: they have no rule and no table in common", asked[0].To[0].String(), a, asked[1].To[0].String(), b)
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	u, err := report.AskUnlike(ctx, host, asked[0], asked[1])
	if err != nil {
		return deviceFault(err)
	}
	s.tell(u)
	if o.json {
		err = text.UnlikeJSON(s.Stdout, u)
	} else {
		err = text.Unlike(s.Stdout, u, o.style(s))
	}
	if status := u.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// second is the other packet.
func (o *options) second() (*options, error) {
	words := strings.Fields(o.other)
	if len(words) == 0 {
		return nil, usagef("--unlike needs a destination")
	}
	if len(o.destinations) != 1 {
		return nil, usagef("--unlike compares two packets, but there are %d destinations beside it", len(o.destinations))
	}
	out := *o
	out.destinations = slices.Clone(o.destinations)
	if !strings.Contains(words[0], "=") { // without one it is the same destination
		d, err := parseDestination(words[0])
		if err != nil {
			return nil, usagef("--unlike: %s", err.Error())
		}
		out.destinations, out.family = []destination{d}, 0
		words = words[1:]
		if d.port != 0 { // it is another port than the first packet's
			out.packet.dport.given, out.packet.dport.value = false, 0
		}
		if d.zone != "" {
			out.packet.oif.given, out.packet.oif.value = false, ""
		}
	}
	for _, w := range words {
		if !strings.Contains(w, "=") {
			return nil, usagef("--unlike: %s is not NAME=VALUE", iproute2.Quote(w))
		}
	}
	if err := out.packet.fromWords(words); err != nil {
		return nil, usagef("--unlike: %s", err.Error())
	}
	if d := &out.destinations[0]; d.port != 0 && out.packet.dport.given { // what is written after it holds
		d.port, out.packet.dport.given, out.packet.dport.value = out.packet.dport.value, false, 0
	}
	if d := &out.destinations[0]; d.zone != "" && out.packet.oif.given {
		d.zone, out.packet.oif.given, out.packet.oif.value = out.packet.oif.value, false, ""
	}
	return &out, out.checkPacket(out.packet.claims())
}
