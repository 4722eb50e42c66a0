package report

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
	"routewhy/lookup/coverage"
	"routewhy/lookup/expect"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Expectation is one of the lines that say what must be true of hosts.
type Expectation struct {
	command.Expectation
	// Line is the number of the line in the file, from 1.
	Line int
}

// Expected is what became of one expectation on one host.
type Expected struct {
	// Host is the host's name; absent: it is not known.
	Host string `json:"host,omitempty"`
	// Time is when the host was read; absent: it is not known.
	Time time.Time `json:"time,omitzero"`
	// File is where the facts are from; absent: they are the running host's.
	File string `json:"file,omitempty"`
	// Line is the line of the expectation, from 1, Expect its text, and Subject what of it
	// says which packets are meant.
	Line    int          `json:"line"`
	Expect  string       `json:"expect"`
	Subject string       `json:"subject"`
	Result  expect.State `json:"result"`
	// Word is the word of the expectation that is not met, and Want its value; "default":
	// no packet takes a default route.
	Word expect.Word `json:"word,omitempty"`
	Want string      `json:"want,omitempty"`
	// Part is where it is not met, the largest part if there are several, which Parts
	// counts; absent: everywhere.
	Part  *Span `json:"part,omitempty"`
	Parts int   `json:"parts,omitempty"`
	// Some says that it is not met by some flows alone, and Share which part of all that
	// is; absent: it cannot be known.
	Some  bool    `json:"some,omitempty"`
	Share float64 `json:"share,omitempty"`
	// Sockets are the sockets whose packets are meant: "connected", "unconnected", absent
	// where both are. Source is the source with which a socket looked up again; absent:
	// it is about the first look-up.
	Sockets expect.Sockets `json:"sockets,omitempty"`
	Source  netip.Addr     `json:"source,omitzero"`
	// Because says why it is not met.
	Because *Because `json:"because,omitempty"`
	// Assumptions are what the result rests on although it was not read.
	Assumptions []Finding `json:"assumptions,omitempty"`
	// Text says the same in words; empty: it is met, and nothing is assumed.
	Text string `json:"text"`
	// Query is the packet that Decision is about.
	Query    *Query    `json:"query,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	// Default says how the default route stands where no packet takes it.
	Default *Prefix `json:"default_route,omitempty"`
}

// Span is some destinations in a row.
type Span struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
}

// Because is why an expectation is not met.
type Because struct {
	Reason
	// Rule is the rule that the reason is about.
	Rule *iproute2.Rule `json:"rule,omitempty"`
	// Route is a route by which it would be met.
	Route *iproute2.Route `json:"route,omitempty"`
}

// Why an expectation is not met, beside the reasons for which rules do not match and
// routes lose.
const (
	CodeNoDevice  lookup.Code = "device-missing" // the host has no such device; Want: it
	CodeNotVRF    lookup.Code = "not-a-vrf"      // the device is no VRF; Want: it
	CodeNoTable   lookup.Code = "table-nameless" // the host has no table of the name; Want: it
	CodeLinksGone lookup.Code = "devices-unread" // the devices were not read; Want: the one that was named
	CodeNamesGone lookup.Code = "names-unread"   // the names of tables were not read; Want: the one that was named
)

// ExpectHost holds expectations against one host.
type ExpectHost struct {
	fib    *lookup.FIB
	names  names
	ranges *coverage.Ranges
	large  bool
}

// NewExpectHost takes a host whose routes are all in the FIB. Packets of which the
// expectation does not say who sends them are root's, whoever asks. Most bounds the work, which a hostile file may
// make much of: the ranges of destinations times the addresses among which each chooses its
// source; zero: there is no bound.
func NewExpectHost(f *lookup.FIB, most int64) *ExpectHost {
	return &ExpectHost{f, namesOf(f), coverage.RangesOf(f), most > 0 && coverage.Work(f) > most}
}

// Hold is what becomes of an expectation.
func (h *ExpectHost) Hold(e *Expectation) *Expected {
	snap := h.names.snap
	out := &Expected{Host: snap.Host, Time: snap.Time, Line: e.Line, Expect: e.Text, Subject: e.Subject, Result: expect.Unknown}
	q, fault := h.question(e)
	if fault != nil {
		out.Because, out.Result = fault, expect.No
		if fault.Code == CodeLinksGone || fault.Code == CodeNamesGone {
			out.Result = expect.Unknown
		}
		return out
	}
	if why := h.fib.SeenOnMaster(&q.Flow); why.Code != "" {
		out.Because, out.Result = &Because{Reason: NewReason(why)}, expect.No
		return out
	}
	if h.large {
		out.Because = &Because{Reason: Reason{Code: lookup.CodeTooMuch}}
		return out
	}
	r := expect.Hold(h.fib, h.ranges, q)
	out.Result, out.Word, out.Some, out.Share = r.State, r.Word, r.Some, r.Share
	out.Sockets, out.Source = r.Sockets, r.Src
	out.Want = wantOf(&e.Wanted, r.Word)
	if r.First.IsValid() && !r.Whole {
		out.Part, out.Parts = &Span{r.First, r.Last}, r.Parts
	}
	if r.Word == expect.WordDefault && plain(e) {
		out.Default = NewPrefix(h.fib, q.Dst)
	}
	if r.Decision != nil {
		flow := q.Flow
		flow.Dst = r.Addr
		if r.Src.IsValid() {
			flow.Src = r.Src
		}
		out.Assumptions = h.assumed(&flow)
		d := NewDecision(h.fib, &flow, r.Decision, nil)
		out.Decision = &d
		if r.State != expect.OK {
			query := h.names.query(&flow, packetOf(e).fields())
			out.Query = &query
		}
	}
	out.Because = h.because(e, q, &r)
	return out
}

// assumed are the facts that the decision about a packet rests on, where the rules are not
// known. They are what most others hang on.
func (h *ExpectHost) assumed(flow *route.Flow) []Finding {
	if !h.names.snap.Assumes(route.FactRules, flow.Family()) {
		return nil
	}
	return h.names.missing(h.fib.Explain(*flow))
}

// wantOf is the value of a word of what is expected.
func wantOf(w *command.Wanted, word expect.Word) string {
	switch {
	case word == expect.WordDev:
		return w.Dev
	case word == expect.WordVia:
		return w.Via.String()
	case word == expect.WordTable:
		return w.Table
	case word == expect.WordSrc && w.Src.IsSingleIP():
		return w.Src.Addr().String()
	case word == expect.WordSrc:
		return w.Src.String()
	}
	return ""
}

// plain reports whether nothing is said of the packet but its destination.
func plain(e *Expectation) bool {
	p := packetOf(e)
	return len(p.Given()) == 0
}

func (h *ExpectHost) because(e *Expectation, q *expect.Question, r *expect.Result) *Because {
	switch {
	case r.State == expect.OK:
		return nil
	case r.Word == expect.WordDev && q.Wanted.Link < 0 && h.names.snap.Lacks(route.FactLinks, 0):
		return nil // no route that was read leads there, which is all that is known of it
	case r.Word == expect.WordDev && q.Wanted.Link < 0:
		return &Because{Reason: Reason{Code: CodeNoDevice, Want: Text(e.Wanted.Dev)}}
	case r.Word == expect.WordTable && q.Wanted.Table == route.TableUnspec:
		return &Because{Reason: Reason{Code: CodeNoTable, Want: Text(e.Wanted.Table)}}
	}
	why := expect.Why(h.fib, q, r)
	if why.Code == "" {
		return nil
	}
	return &Because{NewReason(why.Reason), h.names.rule(why.Rule), h.names.route(why.Route)}
}

// packetOf is what an expectation says of the packet.
func packetOf(e *Expectation) *Packet {
	return &Packet{
		From: e.From, Iif: e.Iif, Oif: e.Oif, VRF: e.VRF, Mark: e.Mark, TOS: e.TOS, UID: e.UID, Proto: e.Proto, Sport: e.Sport, Dport: e.Dport,
	}
}

// question is an expectation by the host's numbers. What the host does not have that the
// packet needs is the second result.
func (h *ExpectHost) question(e *Expectation) (*expect.Question, *Because) {
	snap, p := h.names.snap, packetOf(e)
	asked := &Question{Packet: *p}
	flow, err := asked.flow(snap, &Destination{Addr: e.Dst.Addr()}, p)
	if fault := new(DeviceError); errors.As(err, &fault) {
		code := CodeNoDevice
		switch {
		case fault.NotVRF:
			code = CodeNotVRF
		case snap.Lacks(route.FactLinks, 0):
			code = CodeLinksGone
		}
		return nil, &Because{Reason: Reason{Code: code, Want: Text(fault.Name)}}
	}
	q := &expect.Question{Dst: e.Dst, Flow: flow, Wanted: expect.Wanted{Via: e.Wanted.Via, Src: e.Wanted.Src, Fate: e.Wanted.Fate}}
	if name := e.Wanted.Dev; name != "" {
		q.Wanted.Link = h.device(name)
	}
	if name := e.Wanted.Table; name != "" {
		t, ok := snap.Names.TableByName(name)
		if !ok && snap.Lacks(route.FactNames, 0) {
			return nil, &Because{Reason: Reason{Code: CodeNamesGone, Want: Text(name)}}
		}
		if q.Wanted.HasTable = true; ok {
			q.Wanted.Table = t
		}
	}
	return q, nil
}

// device is the index of a device by its name or another name of it; -1: there is none.
func (h *ExpectHost) device(name string) int {
	snap := h.names.snap
	if l := snap.LinkByName(name); l != nil {
		return l.Index
	}
	for i := range snap.Links {
		if slices.Contains(snap.Links[i].AltNames, name) {
			return snap.Links[i].Index
		}
	}
	return -1
}
