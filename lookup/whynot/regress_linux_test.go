package whynot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

// TestRegress asks the questions of the saved cases, as [TestLive] does. A case has a
// subject, a set-up, and questions. A question is a packet as routetest writes it, then
// --why-not, and then what is wanted. "(a connection)" after the packet is a socket that
// connects.
func TestRegress(t *testing.T) {
	routetest.EachFile(t, "testdata/regress/*.txt", "", func(t *testing.T, file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "-- setup --\n")
		setup, questions, ok := strings.Cut(rest, "-- questions --\n")
		if !ok {
			t.Fatal("a section is missing")
		}
		lines := strings.Split(strings.TrimSpace(setup), "\n")
		host := open(t, lines)
		for q := range strings.Lines(questions) {
			c := &trialCase{t: t, setup: lines, host: host, rng: rand.New(rand.NewPCG(1, 1)), all: true, sum: &tally{}}
			c.question = host.question(t, strings.TrimSpace(q))
			c.check()
		}
	})
}

// question reads a question.
func (l *live) question(t *testing.T, text string) Question {
	packet, want, _ := strings.Cut(text, " --why-not ")
	packet, connects := strings.CutSuffix(packet, " (a connection)")
	index := func(name string) (int, bool) {
		d := l.snap.LinkByName(name)
		if d == nil {
			return 0, false
		}
		return d.Index, true
	}
	flow, err := routetest.ParseQuery(packet, index)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{FIB: l.fib, Flow: flow, Connects: connects}
	if q.Want, err = parseWant(want, index); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func parseWant(text string, index func(string) (int, bool)) (w Want, err error) {
	word, value, _ := strings.Cut(text, " ")
	var n uint64
	ok := true
	switch word {
	case "dev":
		w.Kind = Device
		w.Link, ok = index(value)
	case "via":
		w.Kind = Gateway
		w.Addr, err = netip.ParseAddr(value)
	case "src":
		w.Kind = Source
		w.Addr, err = netip.ParseAddr(value)
	case "table":
		w.Kind = Table
		n, err = strconv.ParseUint(value, 10, 32)
		w.Table = route.Table(n)
	case "rule":
		w.Kind = Rule
		n, err = strconv.ParseUint(value, 10, 32)
		w.Priority = uint32(n)
	case "to":
		w.Kind = Prefix
		w.Prefix, err = netip.ParsePrefix(value)
	case "default":
		w.Kind = Default
	default:
		ok = false
	}
	if !ok {
		err = fmt.Errorf("%q is not understood", text)
	}
	return w, err
}

// format is what is wanted as a saved case has it.
func (w *Want) format(name func(int) string) string {
	switch w.Kind {
	case Device:
		return "dev " + name(w.Link)
	case Gateway:
		return "via " + w.Addr.String()
	case Source:
		return "src " + w.Addr.String()
	case Table:
		return fmt.Sprintf("table %d", w.Table)
	case Rule:
		return fmt.Sprintf("rule %d", w.Priority)
	case Prefix:
		return "to " + w.Prefix.String()
	}
	return "default"
}
