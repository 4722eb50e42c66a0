package main

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/history"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// watchFlags are the values of --watch that do not describe the packet.
type watchFlags struct {
	// count ends the watch after that many changes, and timeout ends it after that
	// many seconds.
	count, timeout optional[uint32]
	// until ends the watch when the answers are as it says. It is as given by the user;
	// empty: never.
	until string
}

// everyMinute is how often everything is read again even if no event came, unless the user
// says otherwise.
const everyMinute = time.Minute

// watchGC is GOGC of a watch. It holds little, even of a full table, and runs for long.
const watchGC = 30

// errWatched ends a watch that has told what was wanted. errWatchTime ends a watch whose
// time is over.
type errWatched struct{}

func (errWatched) Error() string { return "the watch is over" }

type errWatchTime struct{}

func (errWatchTime) Error() string { return "the time of the watch is over" }

// watch reports each change of an answer, why it changed, and who changed it.
func watch(ctx context.Context, o *options, s stdio) error {
	goal, err := parseUntil(o.watch.until)
	if err == nil {
		err = o.checkWatch()
	}
	if err != nil {
		return err
	}
	asked, err := o.asked(ctx)
	if err != nil {
		return err
	}
	s.saveMemory(watchGC)
	host, err := openHost(o.netns)
	if err != nil {
		return err
	}
	defer host.Close()
	q := &history.Question{Question: *o.question(nil), Asked: asked}
	q.NoKernel = true
	live, err := follow(host, q)
	if err != nil {
		return err
	}
	defer live.close()
	if o.watch.timeout.given {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(o.watch.timeout.value)*time.Second, errWatchTime{})
		defer cancel()
	}
	ctx, stop := untilUnread(ctx)
	defer stop()
	ctx, end := untilGone(ctx, host, o.netns)
	defer end()
	t := newTeller(o, s, asked, goal)
	every := everyMinute
	if o.every.given {
		every = time.Duration(o.every.value) * time.Second
	}
	w := &history.Watch{Question: q, Source: live, Explain: o.verbose, Every: every, Tell: t.turns}
	return t.end(w.Run(ctx))
}

// asked are the destinations. If none was given, they are the default routes of the
// families asked about.
func (o *options) asked(ctx context.Context) ([]history.Asked, error) {
	if len(o.destinations) == 0 {
		o.destinations = []destination{{kind: kindDefault}}
	}
	dests, err := resolveAll(ctx, o)
	if err != nil {
		return nil, err
	}
	var out []history.Asked
	for _, d := range dests {
		switch {
		case d.kind == kindPrefix && d.prefix.Bits() > 0:
			return nil, usagef("--watch follows packets and default routes; %s is a route entry", d)
		case d.kind == kindPrefix:
			out = append(out, history.Asked{Label: "default " + d.family().String(), Default: d.family()})
		default:
			label := d.String()
			if d.host != "" {
				label = d.host + " (" + label + ")"
			}
			out = append(out, history.Asked{Label: label, To: d.value()})
		}
	}
	return out, nil
}

// teller writes the reports of a watch, and ends the watch.
type teller struct {
	*options
	s       stdio
	out     *text.Watch
	goal    *goal
	present map[string]*report.Explanation // by the labels
	asked   int
	changes int
}

func newTeller(o *options, s stdio, asked []history.Asked, g *goal) *teller {
	var labels []string
	for i := range asked {
		labels = append(labels, asked[i].Label)
	}
	return &teller{
		options: o, s: s, out: text.NewWatch(s.Stdout, o.style(s), labels), goal: g,
		present: map[string]*report.Explanation{}, asked: len(asked),
	}
}

// turns writes changes. The watch ends after the last change that was asked for.
func (t *teller) turns(all []*report.Turn) error {
	end := false
	for i, r := range all {
		t.s.tell(r)
		if r.Label == "" {
			continue
		}
		t.present[r.Label] = r.After
		if !r.First() {
			t.changes++
		}
		if t.goal != nil && len(t.present) == t.asked && t.reached() || t.watch.count.given && t.changes == int(t.watch.count.value) {
			all, end = all[:i+1], true
			break
		}
	}
	if err := t.write(all); err != nil {
		return err
	}
	if end {
		return errWatched{}
	}
	return nil
}

func (t *teller) write(all []*report.Turn) error {
	if !t.json {
		if err := t.out.Turns(all); err != nil {
			return err
		}
		return flushOut(t.s)
	}
	for _, r := range all {
		if err := text.WriteTurnJSON(t.s.Stdout, r); err != nil {
			return err
		}
	}
	return flushOut(t.s)
}

// flushOut writes out what [run] still holds in its buffer.
func flushOut(s stdio) error {
	w := s.Stdout
	if safe, ok := w.(*jsonSafe); ok {
		w = safe.w
	}
	if held, ok := w.(*bufio.Writer); ok {
		return held.Flush()
	}
	return nil
}

// end is the final result of a watch that ended with an error.
func (t *teller) end(err error) error {
	switch {
	case errors.Is(err, errWatched{}):
		return nil
	case errors.Is(err, errWatchTime{}) && t.goal != nil:
		return statusError(exitNoRoute)
	case errors.Is(err, errWatchTime{}):
		return nil
	}
	return deviceFault(err)
}

// reached reports whether the answers are as --until wants them. All of them have to be,
// except that one default route is enough if both families are watched and a route is wanted.
func (t *teller) reached() bool {
	usable := 0
	for _, e := range t.present {
		if t.goal.has(e) {
			usable++
		}
	}
	return usable == len(t.present) || usable > 0 && t.goal.word != "none" && len(t.present) == 2 && t.present["default IPv4"] != nil && t.present["default IPv6"] != nil
}

// goal is what --until waits for.
type goal struct {
	word string
	dev  string
	addr netip.Addr
}

// untilWords are the words that come before a name in the value of --until.
func untilWords() []string { return []string{"dev", "via", "src"} }

// parseUntil understands the value of --until; nil: it was not given.
func parseUntil(s string) (*goal, error) {
	if s == "" {
		return nil, nil
	}
	words := strings.Fields(s)
	switch {
	case len(words) == 1 && slices.Contains([]string{"default", "route", "none"}, words[0]):
		return &goal{word: words[0]}, nil
	case len(words) == 2 && words[0] == "dev":
		if !validDevice(words[1]) {
			return nil, usagef("--until: %s cannot be a device name", iproute2.Quote(words[1]))
		}
		return &goal{word: "dev", dev: words[1]}, nil
	case len(words) == 2 && slices.Contains(untilWords(), words[0]):
		a, err := wantAddr(words[1])
		if err != nil {
			return nil, usagef("--until: %w", err)
		}
		return &goal{word: words[0], addr: a}, nil
	}
	return nil, usagef("--until: %s is not understood", iproute2.Quote(s)).
		hint("--until route, default, dev NAME, via GATEWAY, src ADDR or none")
}

// has reports whether an answer is usable and is as wanted. None is wanted where there is no
// route.
func (g *goal) has(e *report.Explanation) bool {
	if g.word == "none" {
		return e != nil && e.Disposition == lookup.DispositionNoRoute
	}
	if e == nil || e.Status() != report.StatusAnswered {
		return false
	}
	switch g.word {
	case "default":
		return e.Default
	case "dev":
		return slices.ContainsFunc(e.NextHops, func(h report.NextHop) bool { return h.Dev == g.dev && !h.Stale })
	case "via":
		return slices.ContainsFunc(e.NextHops, func(h report.NextHop) bool { return h.Gateway == g.addr && !h.Stale })
	case "src":
		return e.Src == g.addr
	}
	return true
}

// checkWatch refuses destinations that cannot be watched.
func (o *options) checkWatch() error {
	for i, d := range o.destinations {
		if d.kind == kindZero {
			return usagef("--watch: %s is no destination of packets", d)
		}
		if slices.ContainsFunc(o.destinations[:i], func(x destination) bool { return x.String() == d.String() }) {
			return usagef("--watch: %s is there twice", d)
		}
	}
	return nil
}
