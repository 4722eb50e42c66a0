package render

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
)

// DeadEnd says why nothing gets out although the look-up found a way; the zero
// Reason: something may. See [lookup.FIB.DeadEnd].
func (e *Explanation) DeadEnd() lookup.Reason {
	return e.FIB.DeadEnd(&e.Trace.Flow, &e.Trace.Decision)
}

// wayOut is the part of the headline about ways that nothing gets through by;
// empty: none is known.
func (e *Explanation) wayOut() string {
	if e.DeadEnd().Code != "" {
		return ", but " + e.faults()
	}
	d := &e.Trace.Decision
	dead := 0
	for _, w := range liveWays(d) {
		if e.FIB.WayHealth(&e.Trace.Flow, d, &w).Code != "" {
			dead++
		}
	}
	if dead == 0 || e.Trace.Flow.In != 0 && d.Disposition != lookup.DispositionUnicast {
		return ""
	}
	return fmt.Sprintf(", but nothing gets out by %s of them: %s", numeral(dead), e.faults())
}

// faults names what is wrong with the decision's ways, each once.
func (e *Explanation) faults() string {
	d := &e.Trace.Decision
	live := liveWays(d)
	var all []lookup.NextHopFault
	for _, w := range live {
		if why := e.FIB.WayHealth(&e.Trace.Flow, d, &w); why.Code != "" {
			all = append(all, lookup.NextHopFault{Reason: why})
		}
	}
	return e.words().faults(all, len(live) == 1)
}

// faults names faults of next hops, each once; only says that they are those of the
// only next hop that the sentence is about.
func (w words) faults(all []lookup.NextHopFault, only bool) string {
	var silent, out []string
	for _, x := range all {
		text := w.wrong(&x, only)
		if x.Code == lookup.FaultNeighbour && !only {
			text = w.link(x.Have)
			if !slices.Contains(silent, text) {
				silent = append(silent, text)
			}
			continue
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	switch len(silent) {
	case 0:
	case 1:
		out = append([]string{"the gateway " + silent[0] + " does not answer"}, out...)
	default:
		out = append([]string{"the gateways " + listed(silent) + " do not answer"}, out...)
	}
	return listed(out)
}

// listed joins words with commas, the last one with "and".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// lifeless are the warnings that the headline says in words.
func (e *Explanation) lifeless() []Remark {
	text := strings.TrimPrefix(e.wayOut(), ", but ")
	switch dead := e.DeadEnd(); {
	case text == "":
		return nil
	case dead.Code == lookup.FaultTarget:
		return []Remark{{"target-failed", e.Trace.Flow.Dst.WithZone("").String() + " does not answer (neighbour FAILED)"}}
	case dead.Code != "":
		return []Remark{{"way-out-dead", "nothing gets out: " + text}}
	}
	return []Remark{{"next-hop-dead", text}}
}

// DeadEnd says why nothing gets out by an entry although packets take it: all next
// hops of those that packets take first have a fault. The zero Reason: something may.
func (e *Prefix) DeadEnd() lookup.Reason {
	var first lookup.Reason
	for _, s := range e.leading() {
		if why := s.DeadEnd(); why.Code == "" {
			return why
		} else if first.Code == "" {
			first = why
		}
	}
	return first
}

// leading are the entries that ordinary packets take, or, where there is none, those
// that some packets take.
func (e *Prefix) leading() []*lookup.EntryStatus {
	var plain, some []*lookup.EntryStatus
	for i := range e.EntryStatuses {
		switch s := &e.EntryStatuses[i]; {
		case s.Status == lookup.StatusInUse, s.Status == lookup.StatusPossible, s.TakesTurns():
			plain = append(plain, s)
		case s.Used():
			some = append(some, s)
		}
	}
	for i := range e.ReplacedBy {
		plain = append(plain, &e.ReplacedBy[i])
	}
	if len(plain) > 0 {
		return plain
	}
	return some
}

// wayOutJSON gives the JSON fields of a way out: "dead" and why, or nothing.
func wayOutJSON(why lookup.Reason) (string, *lookup.Reason) {
	if why.Code == "" {
		return "", nil
	}
	return "dead", &why
}
