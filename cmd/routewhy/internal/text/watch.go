package text

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Watch writes the lines of --watch.
type Watch struct {
	w  io.Writer
	st Style
	// label is the width of what is asked about.
	label int
	// day and zone are those of the last time that was written; empty: none was.
	day, zone string
}

// NewWatch makes a Watch for questions with the given labels.
func NewWatch(w io.Writer, st Style, labels []string) *Watch {
	out := &Watch{w: w, st: st}
	for _, l := range labels {
		out.label = max(out.label, textWidth(l))
	}
	return out
}

// Turns writes answers, or changes of some of them. Changes at the same time and for
// the same reason are written together, and the reason is written once.
func (w *Watch) Turns(all []*report.Turn) error {
	var b strings.Builder
	for i, t := range all {
		w.heading(&b, t.Time.Local())
		if t.Label == "" && (t.Begins || t.Damaged || !t.NotRecorded.IsZero() || t.Ends != "") {
			w.lines(&b, clockOf(t)+"  ", NotRecorded(t, clockBeside(t)))
			continue
		}
		if t.Label == "" {
			w.lines(&b, clockOf(t)+"  ", "the kernel had more events than it could queue: what changed for a short time may have been missed")
			continue
		}
		clock := clockOf(t)
		if i > 0 && together(all[i-1], t) {
			clock = strings.Repeat(" ", len(clock))
		}
		w.answer(&b, clock, t)
		if !t.First() && !w.st.Quiet && (i+1 == len(all) || !together(t, all[i+1])) {
			w.lines(&b, strings.Repeat(" ", len(clock)+2), triggersWords(t))
		}
		if t.Full != nil {
			b.WriteString("\n")
			if err := Explain(&b, t.Full, w.st); err != nil {
				return err
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w.w, b.String())
	return err
}

func clockOf(t *report.Turn) string { return t.Time.Local().Format(time.TimeOnly) }

// zoneLine is a line with a day and the time zone of the times after it.
const zoneLine = "2006-01-02, times are MST (UTC-07:00)\n"

// Zone writes the day on which the lines to come begin, and the time zone of their times.
func (w *Watch) Zone(since time.Time) error {
	since = since.Local()
	w.day, w.zone = since.Format(time.DateOnly), since.Format("MST-07:00")
	_, err := io.WriteString(w.w, since.Format(zoneLine))
	return err
}

// heading writes the day if it is another one than before, and the time zone too if clocks were
// set back or forward.
func (w *Watch) heading(b *strings.Builder, at time.Time) {
	day, zone := at.Format(time.DateOnly), at.Format("MST-07:00")
	switch {
	case w.day == "":
	case zone != w.zone:
		b.WriteString(at.Format(zoneLine))
	case day != w.day:
		b.WriteString(day + "\n")
	}
	w.day, w.zone = day, zone
}

// clockBeside is how times are written in a line about another time: without the day, if it is the
// same.
func clockBeside(t *report.Turn) func(time.Time) string {
	return func(at time.Time) string {
		if at.Local().Format(time.DateOnly) == t.Time.Local().Format(time.DateOnly) {
			return at.Local().Format(time.TimeOnly)
		}
		return at.Local().Format(time.DateTime)
	}
}

// NotRecorded says what a history does not have: before its beginning, in a gap, or after its end. Clock is how it
// writes a time.
func NotRecorded(t *report.Turn, clock func(time.Time) string) string {
	switch {
	case t.Begins:
		return "the record begins at " + clock(t.Time) + ": what happened before is not known"
	case t.Ends != "":
		return endWords(t.Ends, clock(t.Time)) + ": what happened later is not known"
	case t.Damaged && t.NotRecorded.IsZero():
		return "what was recorded before " + clock(t.Time) + " is lost: the record is damaged there"
	case t.Damaged && t.NotRecorded.Equal(t.Time):
		return "what was recorded after " + clock(t.NotRecorded) + " is lost: the record is damaged there"
	case t.Damaged:
		return "what was recorded from " + clock(t.NotRecorded) + " to " + clock(t.Time) + " is lost: the record is damaged there"
	}
	from, to := clock(t.NotRecorded), clock(t.Time)
	if from == to {
		return "nothing was recorded for a moment at " + to
	}
	return "nothing was recorded from " + from + " to " + to
}

// endWords says how a history ends.
func endWords(e report.HistoryEnd, at string) string {
	switch e {
	case report.HistoryStopped:
		return "the recorder was stopped at " + at
	case report.HistoryBroken:
		return "the record ends at " + at + " without a mark that its recorder was stopped (it may have been killed, the disk may have been full, or this is a copy)"
	case report.HistorySilent:
		return "the recorder is running, but it has written nothing since " + at
	}
	return "the record ends at " + at
}

// together reports whether two changes have the same reason, and the same time as it is written.
func together(a, b *report.Turn) bool {
	return a.Time.Truncate(time.Second).Equal(b.Time.Truncate(time.Second)) && a.First() == b.First() && a.Label != b.Label && a.Full == nil && b.Full == nil &&
		!b.Missed && triggersWords(a) == triggersWords(b)
}

// answer writes an answer and, below it, the previous one.
func (w *Watch) answer(b *strings.Builder, clock string, t *report.Turn) {
	head := clock + "  " + pad(t.Label, w.label) + "  "
	after, before := turnAnswer(t.After, t.AfterFault, t.Default), ""
	if !t.First() {
		before = turnAnswer(t.Before, t.BeforeFault, t.Default)
	}
	if after == before {
		after, before = after+flowShares(t.After), before+flowShares(t.Before)
	}
	w.lines(b, head, after)
	if t.First() || w.st.Quiet {
		return
	}
	in := strings.Repeat(" ", textWidth(head))
	w.lines(b, in, "before: "+before)
	if t.Missed {
		w.lines(b, in, "(events were lost before this: something may have been missed)")
	}
}

// lines writes a text after a head. The other lines of the text begin in the same
// column, if there is room for them.
func (w *Watch) lines(b *strings.Builder, head, text string) {
	if room := w.st.width() - textWidth(head); textWidth(text) > room && (room < minFolded || longestWord(text) > room) {
		if head = strings.TrimRight(head, " "); head != "" {
			b.WriteString(head + "\n")
		}
		head = strings.Repeat(" ", len(time.TimeOnly)+6)
	}
	for _, line := range w.st.beside(head, text, plain) {
		b.WriteString(line + "\n")
	}
}

// turnAnswer is an answer in short.
func turnAnswer(e *report.Explanation, fault string, isDefault bool) string {
	if e == nil {
		return "cannot be asked: " + fault
	}
	t := told{e}
	d := &e.Decision
	from := ""
	if !isDefault {
		from = t.from(d)
	}
	live := liveWays(d)
	switch {
	case len(e.BySource) > 0, len(live) == 0 && d.Disposition == lookup.DispositionUnicast:
	case d.Disposition == lookup.DispositionUnicast && len(live) == 1:
		return hop(live[0].Gateway, live[0].Dev) + from + t.someRefused() + t.wayOut() + t.connecting()
	case d.Disposition == lookup.DispositionUnicast && d.Ambiguous.Code != lookup.CodeDefaultsTie:
		return eitherWay(d) + from + redirected(d) + t.someRefused() + t.wayOut() + t.connecting()
	case d.Disposition == lookup.DispositionNoRoute && !e.OnlyConnected() && e.Looked().Iif == "":
		return "no route: programs get " + programErrno(d).String()
	}
	return t.verdict() + t.someRefused() + t.wayOut() + t.connecting()
}

// flowShares says which part of all flows each of several next hops gets, where that is known.
func flowShares(e *report.Explanation) string {
	if e == nil {
		return ""
	}
	ways := liveWays(&e.Decision)
	var out []string
	for i := range ways {
		if ways[i].Share <= 0 {
			return ""
		}
		out = append(out, share(ways[i].Share))
	}
	if len(out) < 2 || len(out) > maxNamed {
		return ""
	}
	return " (" + strings.Join(out, ", ") + " of all flows)"
}

// triggersWords says what caused it, and who did it.
func triggersWords(t *report.Turn) string {
	gap := t.Damaged || !t.NotRecorded.IsZero()
	switch {
	case len(t.Because) == 0 && gap:
		return "it changed while nothing was recorded"
	case len(t.Because) == 0:
		return "no event told why; it was found when everything was read again"
	}
	var out []string
	for i := range t.Because {
		out = append(out, triggerWords(&t.Because[i]))
	}
	why := "because " + strings.Join(out, "; then ")
	if gap {
		return "while nothing was recorded: " + why
	}
	return why
}

func triggerWords(x *report.Trigger) string {
	o := &x.Object
	switch o.Kind {
	case report.KindLink:
		return linkCause(x)
	case report.KindNeighbour:
		return neighbourTold(x)
	case report.KindSetting:
		return settingCause(o)
	}
	return objectCause(x)
}

// objectCause is "ip (pid 7) deleted the route default via 192.0.2.1 dev eth0".
func objectCause(x *report.Trigger) string {
	o := &x.Object
	text, was := objectText(o)
	kind := map[report.ObjectKind]string{
		report.KindRoute: "the route ", report.KindRule: "the rule ", report.KindAddress: "the address ", report.KindNextHop: "the next hop ",
	}[o.Kind]
	verb := map[string]string{report.Added: "added", report.Removed: "deleted", report.Changed: "changed"}[x.Op]
	object := kind + shortObject(o, text)
	if x.Op == report.Changed && was != text {
		object = kind + shortObject(o, was) + " to " + shortObject(o, text)
	}
	if x.Expired {
		return "the lifetime of " + object + " is over"
	}
	if o.Before != nil && o.After != nil && o.After.Address != nil && o.Before.Address.Tentative && was == text {
		return "duplicate address detection of " + object + " is over"
	}
	if renewed(o) {
		object = kind + shortObject(o, thingText(o.After))
		return cmp.Or(whoWords(x), "somebody") + " renewed the lifetime of " + object
	}
	if who := whoWords(x); who != "" {
		return who + " " + verb + " " + object
	}
	if x.Op == report.Changed && was != text {
		return kind + shortObject(o, was) + " was changed to " + shortObject(o, text) + " (by whom is not known" + traces(x) + ")"
	}
	return object + " was " + verb + " (by whom is not known" + traces(x) + ")"
}

// renewed reports whether a change is that a route lives longer, and nothing else of it.
func renewed(o *report.Object) bool {
	if o.Change != report.Changed || o.Before.Route == nil || o.After.Route == nil {
		return false
	}
	was, is := *o.Before.Route, *o.After.Route
	longer := was.Expires != nil && (*was.Expires < 0 || is.Expires == nil || *is.Expires > *was.Expires)
	was.Expires, is.Expires = nil, nil
	return longer && reflect.DeepEqual(&was, &is)
}

// traces is what else may tell who asked for a change.
func traces(x *report.Trigger) string {
	text := ""
	if a := cmp.Or(x.Object.After, x.Object.Before); x.Port == 0 && a != nil && a.Address != nil && a.Address.Address.Addr().Is6() {
		text = "; the kernel does not say it of IPv6 addresses"
	}
	if x.Port != 0 {
		text = fmt.Sprintf("; netlink port %d", x.Port)
	}
	if r := routeOf(&x.Object); r != nil && r.Protocol != "" && r.Protocol != "boot" {
		text += ", proto " + iproute2.Safe(string(r.Protocol))
	}
	return text
}

// shortObject leaves out of a route's text that it is in table main.
func shortObject(o *report.Object, text string) string {
	if o.Kind == report.KindRoute {
		return strings.TrimSuffix(text, " ("+tableWords(tableMain)+")")
	}
	return text
}

// whoWords names who asked for a change; empty: that is not known.
func whoWords(x *report.Trigger) string {
	if x.By != nil {
		return requesterWords(x.By)
	}
	if !x.Kernel {
		return ""
	}
	if r := routeOf(&x.Object); r != nil && (r.Protocol == "ra" || r.Protocol == "kernel" || r.Protocol == "redirect") {
		if r.Protocol == "ra" && x.Op != report.Removed {
			return "the kernel, by a router advertisement,"
		}
		return "the kernel"
	}
	return "the kernel, or a program by an ioctl,"
}

func routeOf(o *report.Object) *iproute2.Route {
	for _, t := range []*report.Thing{o.After, o.Before} {
		if t != nil && t.Route != nil {
			return t.Route
		}
	}
	return nil
}

// requesterWords is "ip (pid 7, started by dhclient-script)".
func requesterWords(r *route.Requester) string {
	name := iproute2.Safe(cmp.Or(r.Comm, "a process"))
	more := []string{fmt.Sprintf("pid %d", r.PID)}
	if r.Unit != "" {
		more = append(more, iproute2.Safe(r.Unit))
	}
	if r.Container != "" {
		more = append(more, "container "+iproute2.Safe(r.Container))
	}
	if r.Parent != nil {
		more = append(more, fmt.Sprintf("started by %s", iproute2.Safe(r.Parent.Comm)))
	}
	return name + " (" + strings.Join(more, ", ") + ")"
}

// linkCause says what happened to a device.
func linkCause(x *report.Trigger) string {
	before, after := x.Object.Before, x.Object.After
	by := ""
	if x.By != nil {
		by = ", by " + requesterWords(x.By)
	}
	switch {
	case x.Op == report.Removed:
		return iproute2.Safe(before.Link.Name) + " is gone" + by
	case before == nil:
		return "the device " + linkText(after.Link) + " is new" + by
	}
	a, b := before.Link, after.Link
	dev := iproute2.Safe(b.Name)
	switch {
	case a.Name != b.Name:
		return iproute2.Safe(a.Name) + " is now called " + dev + by
	case a.State != b.State && b.State == "down":
		return dev + " was set down" + by
	case a.State == "up" && b.State == "no-carrier":
		return dev + " lost its carrier"
	case a.State == "no-carrier" && b.State == "up":
		return dev + " got its carrier"
	case a.State == "down" && b.State == "no-carrier":
		return dev + " was set up, without a carrier" + by
	case a.State == "down":
		return dev + " was set up" + by
	case a.Master != b.Master && b.Master == "":
		return dev + " left " + iproute2.Safe(a.Master) + by
	case a.Master != b.Master:
		return dev + " became a part of " + iproute2.Safe(b.Master) + by
	case a.MTU != b.MTU:
		return fmt.Sprintf("the MTU of %s was changed from %d to %d%s", dev, a.MTU, b.MTU, by)
	}
	return dev + " was changed" + by
}

func neighbourTold(x *report.Trigger) string {
	o := &x.Object
	n := o.Before
	if o.After != nil {
		n = o.After
	}
	who := fmt.Sprintf("%s on %s", n.Neighbour.Address, iproute2.Safe(n.Neighbour.Dev))
	switch {
	case o.Change == report.Removed:
		return "the kernel's neighbour entry of " + who + " is gone"
	case n.Neighbour.State == "FAILED" && x.Port != 0:
		return who + fmt.Sprintf(" was set to FAILED as a neighbour (by whom is not known; netlink port %d)", x.Port)
	case n.Neighbour.State == "FAILED":
		return who + " does not answer any more (neighbour FAILED)"
	case n.Neighbour.State == "INCOMPLETE":
		return "the kernel looks for the neighbour " + who
	}
	return who + " answers (neighbour " + n.Neighbour.State + ")"
}

func settingCause(o *report.Object) string {
	text, was := objectText(o)
	if was == "" {
		return "the setting " + text + " was " + o.Change
	}
	return "the setting " + was + " became " + text
}
