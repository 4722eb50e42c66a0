package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// whyNot tells why packets do not go where they are wanted to go.
func whyNot(ctx context.Context, o *options, s stdio) error {
	want, err := parseWant(o.want)
	if err != nil {
		return err
	}
	if f := want.Family(); f != 0 && o.family == 0 {
		o.family = f
	}
	dests, err := resolveAll(ctx, o)
	if err != nil {
		return err
	}
	for i := range dests {
		if want.Of != 0 && (dests[i].kind == kindAddress || dests[i].prefix.Bits() > 0) {
			return usagef("--why-not %s asks why there is no default route", want.String()).hint("routewhy default --why-not %s", want.String())
		}
		if f := want.Family(); f != 0 && dests[i].family() != f {
			return usagef("--why-not %s is %s, and %s is not", want.String(), f, dests[i])
		}
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	q := &report.WhyNotQuestion{Question: *o.question(dests), Want: *want, TrySessionQuestion: o.trySession()}
	all, err := report.AskWhyNot(ctx, host, q)
	if fault := new(report.TableError); errors.As(err, &fault) {
		return withHint(fmt.Errorf("--why-not: no table %s here", iproute2.Quote(fault.Name)), "routewhy --dump lists the tables")
	}
	if err != nil {
		return deviceFault(err)
	}
	return o.writeWhyNot(all, s)
}

func (o *options) writeWhyNot(all []*report.WhyNot, s stdio) error {
	status := report.StatusAnswered
	for _, r := range all {
		s.tell(r)
		status = max(status, r.Status())
	}
	var err error
	if o.json {
		err = text.WhyNotJSON(s.Stdout, all)
	}
	for i, r := range all {
		if o.json || err != nil {
			break
		}
		if i > 0 && !o.quiet {
			fmt.Fprintln(s.Stdout)
		}
		err = text.WhyNot(s.Stdout, r, o.style(s))
	}
	if err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// wantHint says what --why-not takes.
const wantHint = "a device, via GATEWAY, table T, a prefix, a rule's priority, src ADDR or default"

// wantWords are the words that come before a name in the value of --why-not.
func wantWords() []string {
	return []string{"via", "table", "src", "from", "dev", "device", "rule", "pref", "prefix", "route", "gateway"}
}

// joinedValues makes one argument of each value that people write as several arguments:
// `--why-not via 192.0.2.1`, and the fields after the destination of --unlike.
func joinedValues(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		flag, value, given := strings.Cut(a, "=")
		switch flag {
		case "--why-not", "--unlike", "--until":
		default:
			out = append(out, a)
			continue
		}
		if !given {
			if i+1 == len(args) {
				out = append(out, a)
				continue
			}
			i++
			value = args[i]
		}
		for i+1 < len(args) && follows(flag, value, args[i+1]) {
			i++
			value += " " + args[i]
		}
		out = append(out, flag+"="+value)
	}
	return out
}

// follows reports whether an argument belongs to the value of a flag.
func follows(flag, value, next string) bool {
	if flag == "--until" {
		return slices.Contains(untilWords(), value)
	}
	if flag == "--why-not" {
		return slices.Contains(wantWords(), value)
	}
	return strings.Contains(next, "=") && !strings.HasPrefix(next, "-")
}

// parseWant understands the value of --why-not.
func parseWant(s string) (*report.Want, error) {
	words := strings.Fields(s)
	switch len(words) {
	case 0:
		return nil, usagef("--why-not needs to know where: %s", wantHint)
	case 1:
		return parseWantWord(words[0])
	case 2:
	default:
		return nil, usagef("--why-not: %s is more than it takes", iproute2.Quote(s))
	}
	word, value := words[0], words[1]
	w := &report.Want{}
	var err error
	switch word {
	case "dev", "device":
		w.Kind, w.Dev = whynot.Device, value
		if !validDevice(value) {
			return nil, usagef("--why-not: %s cannot be a device name", iproute2.Quote(value))
		}
	case "via", "gateway":
		w.Kind = whynot.Gateway
		w.Addr, err = wantAddr(value)
	case "src", "from":
		w.Kind = whynot.Source
		w.Addr, err = wantAddr(value)
	case "table":
		w.Kind, w.Table = whynot.Table, value
	case "rule", "pref":
		var n uint64
		n, err = parseNumber(value, 0, 1<<32-1)
		w.Kind, w.Priority = whynot.Rule, uint32(n)
	case "prefix", "route":
		return parseWantWord(value)
	default:
		return nil, usagef("--why-not: %s is not understood", iproute2.Quote(s)).
			hint("%s", wantHint)
	}
	if err != nil {
		return nil, usagef("--why-not: %w", err)
	}
	return w, nil
}

func wantAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, fmt.Errorf("%s is not an address", iproute2.Quote(s))
	}
	return a.Unmap().WithZone(""), nil
}

// parseWantWord understands a value of one word.
func parseWantWord(s string) (*report.Want, error) {
	switch strings.ToLower(s) {
	case "default":
		return &report.Want{Kind: whynot.Default}, nil
	case "ipv4":
		return &report.Want{Kind: whynot.Default, Of: route.IPv4}, nil
	case "ipv6":
		return &report.Want{Kind: whynot.Default, Of: route.IPv6}, nil
	}
	if strings.Contains(s, "/") {
		d, err := parsePrefix(s)
		if err != nil {
			return nil, usagef("--why-not: %s", err.Error())
		}
		return &report.Want{Kind: whynot.Prefix, Prefix: d.prefix}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return nil, usagef("--why-not: %s may be a gateway, a source or a route", iproute2.Quote(s)).
			hint("--why-not via %s", a).hint("--why-not src %s", a).hint("--why-not %s/%d", a, a.BitLen())
	}
	if isDecimal(s) {
		return parseWant("rule " + s)
	}
	if slices.Contains(wantWords(), s) {
		return nil, usagef("--why-not %s: what is missing after it", s)
	}
	return parseWant("dev " + s)
}
