package history

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/load"
)

// past is a history of default routes. Each word is a moment, one second after another: a
// state ("=0/1": see routeOf), an event ("+5/2", "-5/2"), what is missing ("?", or "!" where it
// was damaged; "?3" for three seconds), nothing ("."), no moment ("_"), or no moment and the clock is
// set back by so many seconds ("<3").
func past(t *testing.T, text string) iter.Seq2[Moment, error] {
	return func(yield func(Moment, error) bool) {
		words := strings.Fields(text)
		times, next := make([]int, len(words)), make([]time.Time, len(words))
		clock := 0
		for i, word := range words {
			times[i] = clock
			if back, ok := strings.CutPrefix(word, "<"); ok {
				n, _ := strconv.Atoi(back)
				clock -= n
				continue
			}
			clock++
		}
		for i := len(words) - 2; i >= 0; i-- {
			next[i] = next[i+1]
			if words[i+1][0] != '<' && words[i+1][0] != '_' && (next[i].IsZero() || second(times[i+1]).Before(next[i])) {
				next[i] = second(times[i+1])
			}
		}
		for i, word := range words {
			m := Moment{Time: second(times[i]), Next: next[i]}
			switch word[0] {
			case '=':
				s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}, Rules: route.DefaultRules(route.IPv4)}
				if word != "=" {
					s.Routes = []route.Route{routeOf(t, word[1:])}
				}
				m.State = load.Of(s, route.ListOf(s.Routes), "test", 0).Source()
			case '?', '!':
				long, _ := strconv.Atoi(word[1:])
				m.Missing = &Missing{From: second(times[i] - max(1, long)), Damaged: word[0] == '!'}
			case '_', '<':
				continue
			case '+', '-':
				r := routeOf(t, word[1:])
				m.Event = &route.Event{Time: m.Time, Route: &r, Gone: word[0] == '-'}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func second(n int) time.Time { return time.Date(2026, 7, 30, 2, 13, n, 0, time.UTC) }

// TestReplay checks what is told of a history.
func TestReplay(t *testing.T) {
	const end = 100
	for _, c := range []struct {
		past         string
		since, until int
		want         string
	}{
		{"=0/1", 0, end, "0:1"},
		{"=0/1 -0/1 +0/2", 0, end, "0:1 1:none 2:2"},
		{"=0/1 +5/2 -0/1", 0, end, "0:1 2:2"},
		{"=0/1 -0/1 +0/2 -0/2", 2, end, "2:2 3:none"},
		{"=0/1 -0/1 +0/2 -0/2", 0, 2, "0:1 1:none 2:2"},
		{"=0/1 . . .", 2, end, "2:1"},
		{"=0/1 =0/2", 0, end, "0:1 1:2"},
		{"=0/1 -0/1 =0/2", 0, end, "0:1 1:2"}, // the state corrects what the event said
		{"=0/1 +0/3 =0/3", 0, end, "0:1 1:3"},
		{"=0/1 -0/1 +0/2 -0/2 =0/3", 0, end, "0:1 1:none 2:2 3:3"}, // of several changes, it corrects the last
		{"=0/1 -0/1 +0/2 . =0/1", 0, end, "0:1 1:none 2:1"},
		{"=0/1 ? =0/2", 0, end, "0:1 1:? 2:2"},
		{"! =0/2", 0, end, "0:! 1:2"},
		{"=0/1 ! =0/1", 0, end, "0:1 1:!"},
		{"=0/1 _ _ ?3 =0/2", 0, 2, "0:1 3:?"}, // the end is in the gap
		{"=0/1 -0/1 _ ?2 =0/2", 0, 2, "0:1 1:none 3:?"},
		{"=0/1 _ _ ?3 =0/2 . -0/2", 2, end, "3:? 4:2 6:none"}, // the beginning is in it
		{"=0/1 _ _ !3 =0/2", 2, end, "3:! 4:2"},
		{"=0/1 _ _ _ ?4 =0/2", 1, 3, "4:?"}, // both are
		{"=0/1 _ _ ?3 =0/2", 0, 3, "0:1 3:?"},
		{"=0/1 . . . <3 +5/2 -0/1 . .", 0, 2, "0:1 2:2"},
		{"=0/1 . . . <3 +5/2 -0/1 . .", 2, end, "2:2"},
	} {
		q := &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}
		var out []string
		w := &Watch{Question: q, Explain: true, Tell: func(all []*report.Turn) error {
			for _, r := range all {
				if !r.Missed && r.Full.Way(false) != r.After.Way(false) {
					t.Errorf("%s: %s is explained as %s", c.past, r.After.Way(false), r.Full.Way(false))
				}
				way := "none"
				switch {
				case r.Missed && r.Damaged:
					way = "!"
				case r.Missed:
					way = "?"
				case r.After.Disposition == lookup.DispositionUnicast:
					a4 := r.After.NextHops[0].Gateway.As4()
					way = fmt.Sprint(a4[3])
				}
				out = append(out, fmt.Sprintf("%d:%s", int(r.Time.Sub(second(0))/time.Second), way))
			}
			return nil
		}}
		if err := w.Replay(context.Background(), past(t, c.past), second(c.since), second(c.until)); err != nil {
			t.Errorf("%s: %v", c.past, err)
		}
		if got := strings.Join(out, " "); got != c.want {
			t.Errorf("%s from %d to %d: %s; want %s", c.past, c.since, c.until, got, c.want)
		}
	}
}

// TestAt checks the state of a time.
func TestAt(t *testing.T) {
	for _, c := range []struct {
		past string
		at   int
		want string
	}{
		{"=0/1 -0/1 +0/2", 0, "0/1 0 false false"},
		{"=0/1 -0/1 +0/2", 1, " 1 false false"},
		{"=0/1 -0/1 +0/2", 9, "0/2 2 true false"},
		{"=0/1 . =5/7 .", 2, "5/7 2 false false"},
		{"=0/1 -0/1 ? =0/1", 1, " 1 false true"},
		{"=0/1 -0/1 . ? =0/1", 4, "0/1 4 true false"},
		{"=0/1 . . . <3 -0/1 . .", 0, "0/1 0 false false"},
		{"=0/1 . . . <3 -0/1 . .", 1, " 1 false false"},
		{"=0/1 . . . <3 -0/1 . .", 2, " 2 false false"},
		{"=0/1 . . . <3 -0/1", 3, " 1 true false"},
	} {
		p, err := At(context.Background(), past(t, c.past), second(c.at))
		if err != nil {
			t.Fatal(err)
		}
		snap, routes := Whole(p.FIB)
		got := fmt.Sprint(textOf(lookup.New(&route.Snapshot{Links: snap.Links, Routes: routes.Slice()}), netip.MustParsePrefix("0.0.0.0/0")), " ", int(p.Time.Sub(second(0))/time.Second), " ", p.Ended, " ", p.Missing != nil)
		if got != c.want {
			t.Errorf("%s at %d: %s; want %s", c.past, c.at, got, c.want)
		}
	}
}

// TestLifetimes checks that a history knows when the lifetime of an IPv6 route is over, before the kernel
// deletes it, and how much is left of it, and that it does not guess that.
func TestLifetimes(t *testing.T) {
	const long = 10 // seconds
	way := func(p route.Protocol, gateway string, metric uint32, life time.Duration) route.Route {
		return route.Route{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: metric, Type: route.TypeUnicast, Protocol: p, Expires: life, NextHops: []route.NextHop{{Gateway: netip.MustParseAddr(gateway), Link: 2}}}
	}
	for _, c := range []struct {
		name     string
		protocol route.Protocol
		events   []int // the times of events of the route
		moments  []int // and of when nothing happened
		want     int   // when it is told as over; zero: never
	}{
		{"a route of a program", route.ProtocolBoot, []int{1}, []int{5, 20, 40}, 1 + long},
		{"it is renewed", route.ProtocolBoot, []int{1, 6}, []int{20, 40}, 6 + long},
		{"a router's", route.ProtocolRA, []int{1}, []int{5, 20, 40}, 0},
		{"the clock was set, or the machine slept", route.ProtocolBoot, []int{1}, []int{5, 500}, 0},
	} {
		s := &route.Snapshot{
			Links:  []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}},
			Rules:  route.DefaultRules(route.IPv6),
			Routes: []route.Route{way(route.ProtocolBoot, "2001:db8::2", 600, 0)},
		}
		r := way(c.protocol, "2001:db8::1", 100, long*time.Second)
		moments := func(yield func(Moment, error) bool) {
			ok := yield(Moment{Time: second(0), State: load.Of(s, route.ListOf(s.Routes), "test", 0).Source()}, nil)
			for _, at := range c.events {
				ok = ok && yield(Moment{Time: second(at), Event: &route.Event{Time: second(at), Route: &r, Replaces: true}}, nil)
			}
			for _, at := range c.moments {
				ok = ok && yield(Moment{Time: second(at)}, nil)
			}
		}
		over := 0
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv6}}}, Tell: func(all []*report.Turn) error {
			for _, r := range all {
				if len(r.Because) > 0 && r.Because[0].Expired {
					over = int(r.Time.Sub(second(0)) / time.Second)
				}
			}
			return nil
		}}
		if err := w.Replay(t.Context(), moments, second(0), second(1000)); err != nil || over != c.want {
			t.Errorf("%s: it is over at %d (%v); want %d", c.name, over, err, c.want)
		}
		past, err := At(t.Context(), moments, second(19))
		if err != nil {
			t.Fatal(err)
		}
		at := past.FIB.Edit().At(route.TableMain, route.IPv6.Default())
		if got := at[0].Expires < 0; len(at) != 2 || got != (c.want > 0) {
			t.Errorf("%s: of %d routes, the first is over: %v", c.name, len(at), got)
		}
		if past, err = At(t.Context(), moments, second(8)); err != nil {
			t.Fatal(err)
		}
		left := long // not known
		if c.want > 0 {
			left = c.want - 8
		}
		if got := past.FIB.Edit().At(route.TableMain, route.IPv6.Default())[0].Expires; got != time.Duration(left)*time.Second {
			t.Errorf("%s: %s is left; want %d seconds", c.name, got, left)
		}
	}
}
