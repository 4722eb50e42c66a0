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
// time is over, or that has told as many changes as it may while it waits for something else.
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
			return nil, usagef("%s follows packets and default routes; %s is a route entry", o.watchMode(), d)
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
	var end error
	for i, r := range all {
		t.s.tell(r)
		if r.Label == "" {
			continue
		}
		t.present[r.Label] = r.After
		if !r.First() {
			t.changes++
		}
		switch counted := t.watch.count.given && t.changes == int(t.watch.count.value); {
		case t.goal != nil && len(t.present) == t.asked && t.reached():
			end = errWatched{}
		case counted && t.goal != nil:
			end = errWatchTime{}
		case counted:
			end = errWatched{}
		}
		if end != nil {
			all = all[:i+1]
			break
		}
	}
	if err := t.write(all); err != nil {
		return err
	}
	return end
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
	return usable == len(t.present) || usable > 0 && !t.goal.none && len(t.present) == 2 && t.present["default IPv4"] != nil && t.present["default IPv6"] != nil
}

// goal is what --until waits for: all that is set.
type goal struct {
	none      bool // that there is no route
	isDefault bool // that the answer is a default route
	dev       string
	via, src  netip.Addr
}

// untilWords are the words that come before a name in the value of --until.
func untilWords() []string { return []string{"dev", "via", "src"} }

// parseUntil understands the value of --until; nil: it was not given.
func parseUntil(s string) (*goal, error) {
	if s == "" {
		return nil, nil
	}
	g, words := new(goal), strings.Fields(s)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "none" && len(words) == 1:
			g.none = true
		case word == "route": // that it is usable holds for all
		case word == "default" && !g.isDefault:
			g.isDefault = true
		case slices.Contains(untilWords(), word) && i+1 < len(words):
			i++
			if err := g.set(word, words[i]); err != nil {
				return nil, err
			}
		default:
			return nil, usagef("--until: %s is not understood", iproute2.Quote(s)).
				hint("--until route, default, dev NAME, via GATEWAY, src ADDR or none; several together, such as 'default dev NAME'")
		}
	}
	return g, nil
}

// set says what comes after a word.
func (g *goal) set(word, value string) error {
	if word == "dev" {
		if !validDevice(value) {
			return usagef("--until: %s cannot be a device name", iproute2.Quote(value))
		}
		if g.dev != "" {
			return usagef("--until: dev is there twice")
		}
		g.dev = value
		return nil
	}
	a, err := wantAddr(value)
	if err != nil {
		return usagef("--until: %w", err)
	}
	to := &g.via
	if word == "src" {
		to = &g.src
	}
	if to.IsValid() {
		return usagef("--until: %s is there twice", word)
	}
	*to = a
	return nil
}

// has reports whether an answer is usable and is as wanted. None is wanted where there is no
// route.
func (g *goal) has(e *report.Explanation) bool {
	if g.none {
		return e != nil && e.Disposition == lookup.DispositionNoRoute
	}
	if e == nil || e.Status() != report.StatusAnswered || g.isDefault && !e.Default || g.src.IsValid() && e.Src != g.src {
		return false
	}
	if g.dev == "" && !g.via.IsValid() {
		return true
	}
	return slices.ContainsFunc(e.NextHops, func(h report.NextHop) bool {
		return !h.Stale && (g.dev == "" || h.Dev == g.dev || g.dev == localDevice(e)) && (!g.via.IsValid() || h.Gateway == g.via)
	})
}

// localDevice is the device of the route of a packet that is delivered to this host, as
// `ip route show table local` names it. The packet itself takes lo.
func localDevice(e *report.Explanation) string {
	if e.Route == nil || e.Disposition != lookup.DispositionLocal && e.Disposition != lookup.DispositionAnycast {
		return ""
	}
	return e.Route.Dev
}

// watchMode is the flag of the mode.
func (o *options) watchMode() string {
	if o.history.path != "" {
		return "--history"
	}
	return "--watch"
}

// checkWatch refuses destinations that cannot be watched.
func (o *options) checkWatch() error {
	for i, d := range o.destinations {
		if d.kind == kindZero {
			return usagef("%s: %s is no destination of packets", o.watchMode(), d)
		}
		if slices.ContainsFunc(o.destinations[:i], func(x destination) bool { return x.String() == d.String() }) {
			return usagef("%s: %s is there twice", o.watchMode(), d)
		}
	}
	return nil
}
