package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// explain is the main job: it tells why each destination goes where it goes.
func explain(ctx context.Context, o *options, s stdio) error {
	dests, failed, err := resolveSome(ctx, o)
	status := exitOK
	for _, err := range failed { // the other destinations are still answered
		status = max(status, reportError(s.Stderr, err))
	}
	if err != nil {
		return err
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	q := &questions{options: o, dests: dests, host: host}
	err = q.answer(ctx, s)
	if silent := statusError(0); status != exitOK && (err == nil || errors.As(err, &silent)) {
		return max(silent, statusError(status))
	}
	return err
}

// resolveAll is like resolveSome, except that every name has to be resolved.
func resolveAll(ctx context.Context, o *options) ([]destination, error) {
	out, failed, err := resolveSome(ctx, o)
	if err == nil && len(failed) > 0 {
		err = failed[0]
	}
	return out, err
}

// resolveSome replaces host names by their addresses, and default by the default routes of
// the families asked about. The second result says why some names were not resolved. If no
// destination is left to answer, this becomes the error.
func resolveSome(ctx context.Context, o *options) (out []destination, failed []error, err error) {
	for _, d := range o.destinations {
		if fault := o.wordFault(d); fault != nil {
			return nil, nil, fault
		}
	}
	for _, d := range o.destinations {
		switch d.kind {
		case kindHost:
			addrs, err := resolve(ctx, d, o.family, systemLookup())
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			if err != nil {
				failed = append(failed, o.withoutWord(err, d))
			}
			out = append(out, addrs...)
		case kindPrefix:
			if err := o.packet.refusedFor(d); err != nil {
				return nil, nil, err
			}
			out = append(out, d)
		case kindDefault:
			if err := o.packet.refusedFor(d); err != nil {
				return nil, nil, err
			}
			for _, f := range families(o.family) {
				out = append(out, destination{kind: kindPrefix, prefix: f.Default(), either: o.family == 0})
			}
		default:
			out = append(out, d)
		}
	}
	if n := len(failed); n > 0 && len(out) == 0 {
		return nil, failed[:n-1], failed[n-1]
	}
	return out, failed, nil
}

// withoutWord adds a hint to the error about a word that is not a host name: the
// command line without that word, if other destinations are left.
func (o *options) withoutWord(err error, word destination) error {
	if len(hintsOf(err)) > 0 || strings.Contains(word.host, ".") || len(o.destinations) < 2 {
		return err
	}
	var rest []string
	for _, d := range o.destinations {
		if d.kind == kindHost {
			continue
		}
		rest = append(rest, d.String())
	}
	if len(rest) == 0 {
		return err
	}
	return withHint(err, "routewhy "+strings.Join(rest, " "))
}

func families(f route.Family) []route.Family {
	if f != 0 {
		return []route.Family{f}
	}
	return []route.Family{route.IPv4, route.IPv6}
}

// question is what the command line asks, as values.
func (o *options) question(dests []destination) *report.Question {
	q := &report.Question{
		Packet: o.packet.known(), User: uint32(os.Getuid()), Reply: o.reply, NoKernel: o.noKernel, Detail: o.verbose,
	}
	if len(o.load) == 0 {
		q.Holds = holdsTUN
	}
	for i := range dests {
		q.To = append(q.To, dests[i].value())
	}
	return q
}

// value is a destination in the form that a question has. The destination is not a
// host name and not `default`.
func (d *destination) value() report.Destination {
	return report.Destination{Prefix: d.prefix, Addr: d.addr, Zone: d.zone, Port: d.port, Host: d.host, Remarks: d.notes}
}

// questions are the destinations of one command line and what they are
// answered from.
type questions struct {
	*options
	dests []destination
	host  route.Source
}

// answer explains every destination and writes the result.
func (q *questions) answer(ctx context.Context, s stdio) error {
	all, err := report.Ask(ctx, q.host, q.question(q.dests))
	if err != nil {
		return deviceFault(overLimit(err))
	}
	if err := q.write(all, s); err != nil {
		return err
	}
	return q.worstOf(all)
}

// deviceFault gives the error about a missing device its text. Other errors stay as they
// are.
func deviceFault(err error) error {
	var e *report.DeviceError
	if !errors.As(err, &e) {
		return err
	}
	if e.NotVRF {
		return fmt.Errorf("--vrf: %s is not a VRF device", iproute2.Quote(e.Name))
	}
	what := "--" + string(e.Field)
	if e.Field == "" {
		what = e.Destination.String()
	}
	hint := "ip link lists them"
	if near := nearestDevice(e); near != "" {
		hint = "did you mean " + iproute2.Safe(near) + "? " + hint
	}
	if e.Table {
		hint = fmt.Sprintf("a table has that name: --why-not 'table %s'", iproute2.Safe(e.Name))
	}
	return withHint(fmt.Errorf("%s: no device %s here", what, iproute2.Quote(e.Name)), hint)
}

// nearestDevice is the device, or with --why-not the word, that was probably meant by a name that
// no device has; empty: none is near.
func nearestDevice(e *report.DeviceError) string {
	names := slices.Clone(e.Devices)
	if e.Field == report.FieldWhyNot {
		names = append(names, "default")
	}
	const digits = "0123456789"
	return nearestWord(e.Name, slices.DeleteFunc(names, func(name string) bool { // eth9 may not be there, and eth0 is
		return strings.Trim(e.Name, digits) == strings.Trim(name, digits)
	}))
}

func (q *questions) write(all []report.Report, s stdio) error {
	for _, a := range all {
		s.tell(a)
	}
	if q.json {
		out := make([]any, len(all))
		for i, a := range all {
			out[i] = a
		}
		return text.WriteJSON(s.Stdout, out)
	}
	st := q.style(s)
	for i, a := range all {
		if i > 0 && !st.Quiet {
			fmt.Fprintln(s.Stdout)
		}
		var err error
		switch e := a.(type) {
		case *report.Prefix:
			err = text.ExplainPrefix(s.Stdout, e, st)
		case *report.Zero:
			err = text.ExplainZero(s.Stdout, e, st)
		case *report.Explanation:
			err = text.Explain(s.Stdout, e, st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// worstOf is the exit status of the worst answer. If `default` means both families,
// one default route is enough, but a dead one is reported.
func (q *questions) worstOf(all []report.Report) error {
	status := exitOK
	for i, a := range all {
		one := int(a.Status())
		if d := q.dests[i]; d.either {
			other := i + 1
			if d.family() == route.IPv6 {
				other = i - 1
			}
			p, ok := a.(*report.Prefix)
			dead := ok && p.WayOut != ""
			// It is not known whether a default route that exists is used. If the other family
			// has none, that does not make it known.
			open := ok && len(p.Entries) > 0 && p.Unknown()
			if second := int(all[other].Status()); !dead && (!open || second == exitOK) {
				one = min(one, second)
			}
		}
		status = max(status, one) // the higher status is the worse one
	}
	if status == exitOK {
		return nil
	}
	return statusError(status)
}

// style is how to draw the text.
func (o *options) style(s stdio) text.Style {
	st := text.Style{
		Color: o.colored(s), Unicode: s.utf8(), Width: 80, Verbose: o.verbose, Quiet: o.quiet,
	}
	if s.StdoutTTY && s.Width > 0 {
		st.Width, st.Fold = s.Width, true
	}
	return st
}
