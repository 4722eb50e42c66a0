package render

import (
	"encoding/json"
	"io"
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// The JSON form of an explanation. Its names are a contract: fields may be
// added, not renamed or removed.
type jsonExplanation struct {
	Query       jsonQuery          `json:"query"`
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	// SomeRefused is what becomes of the flows that a hash gives to a next hop by
	// which they may not go, while the others get out.
	SomeRefused *jsonRefused `json:"some_refused,omitempty"`
	// MayRefuse is the error of a received packet if there ever was a route of type
	// local, which does not show.
	MayRefuse route.Errno     `json:"may_refuse,omitzero"`
	Default   bool            `json:"default"`
	Shortcut  lookup.Shortcut `json:"shortcut,omitempty"`
	Rule      *iproute2.Rule  `json:"rule,omitempty"`
	Route     *iproute2.Route `json:"route,omitempty"`
	NextHops  []jsonWay       `json:"nexthops,omitempty"`
	Ambiguous *lookup.Reason  `json:"set_by,omitempty"`
	Src       string          `json:"src,omitempty"`
	Source    *jsonSource     `json:"source,omitempty"`
	Trace     []jsonTrial     `json:"trace,omitempty"`
	Next      *jsonNext       `json:"next,omitempty"`
	// WayOut is "dead" where the route is right, but nothing gets out, and Why says why
	// not: "gateway-failed", "no-carrier" or "device-down".
	WayOut  string         `json:"way_out,omitempty"`
	Why     *lookup.Reason `json:"reason,omitempty"`
	Reverse *jsonReverse   `json:"reverse,omitempty"`
	Kernel  *jsonKernel    `json:"kernel,omitempty"`
	// ConnectErrno is what connect(2) answers although the packet would get out.
	ConnectErrno route.Errno `json:"connect_errno,omitzero"`
	// First is the look-up that chose the source of a connection; everything
	// above is then of the second look-up, which decides. Where the source may be
	// one of several, by_source has a second look-up for each, and above stands
	// what they have in common. The fields of each are these again.
	First    *jsonExplanation  `json:"first,omitempty"`
	BySource []jsonExplanation `json:"by_source,omitempty"`
	// Reply is the way back: --reply.
	Reply       *jsonReply     `json:"reply,omitempty"`
	Sockets     *jsonListening `json:"sockets,omitempty"`
	Assumptions []Remark       `json:"assumptions,omitempty"`
	Warnings    []Remark       `json:"warnings,omitempty"`
}

// jsonQuery is the packet as it was asked about.
type jsonQuery struct {
	Dst       string  `json:"dst"`
	From      string  `json:"from,omitempty"`
	Iif       string  `json:"iif,omitempty"`
	Oif       string  `json:"oif,omitempty"`
	Mark      *uint32 `json:"mark,omitempty"`
	TOS       *uint8  `json:"tos,omitempty"`
	UID       *uint32 `json:"uid,omitempty"`
	IPProto   string  `json:"ipproto,omitempty"`
	Sport     uint16  `json:"sport,omitempty"`
	Dport     uint16  `json:"dport,omitempty"`
	FlowLabel uint32  `json:"flowlabel,omitempty"`
	VRF       string  `json:"vrf,omitempty"`
}

// jsonRefused is the error that a part of all flows gets.
type jsonRefused struct {
	Errno route.Errno `json:"errno"`
	// Share is that part, 0 to 1; absent: it cannot be known.
	Share float64 `json:"share,omitempty"`
}

type jsonWay struct {
	Gateway string  `json:"gateway,omitempty"`
	Dev     string  `json:"dev,omitempty"`
	Weight  int     `json:"weight,omitempty"`
	Share   float64 `json:"share,omitempty"`
	Src     string  `json:"src,omitempty"`
	// SrcOneOf are in the place of src where it is one of them and nobody knows which.
	SrcOneOf  []netip.Addr `json:"src_one_of,omitempty"`
	NHID      uint32       `json:"nhid,omitempty"`
	Neighbour string       `json:"neighbour,omitempty"`
	Stale     bool         `json:"stale,omitempty"`
	// RedirectedFrom is the route's own gateway, where the kernel has learnt
	// another one from an ICMP redirect.
	RedirectedFrom string `json:"redirected_from,omitempty"`
}

type jsonSource struct {
	Address    string                `json:"address,omitempty"`
	Dev        string                `json:"dev,omitempty"`
	Reason     lookup.Reason         `json:"reason"`
	Candidates []jsonSourceCandidate `json:"candidates,omitempty"`
}

type jsonSourceCandidate struct {
	Address string         `json:"address"`
	Dev     string         `json:"dev"`
	Verdict lookup.Verdict `json:"verdict"`
	Reason  lookup.Reason  `json:"reason"`
}

type jsonTrial struct {
	Rule       iproute2.Rule   `json:"rule"`
	Verdict    lookup.Verdict  `json:"verdict"`
	Reason     lookup.Reason   `json:"reason"`
	Table      string          `json:"table,omitempty"`
	Candidates []jsonCandidate `json:"candidates,omitempty"`
	Shadow     *iproute2.Route `json:"would,omitempty"`
}

type jsonCandidate struct {
	Route   iproute2.Route `json:"route"`
	Verdict lookup.Verdict `json:"verdict"`
	Reason  lookup.Reason  `json:"reason"`
}

type jsonNext struct {
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	Route       *iproute2.Route    `json:"route,omitempty"`
	Table       string             `json:"table,omitempty"`
}

type jsonReverse struct {
	Filter      int                `json:"rp_filter"`
	FilterFrom  string             `json:"rp_filter_from,omitempty"`
	Passed      bool               `json:"passed"`
	Reason      lookup.Reason      `json:"reason"`
	Disposition lookup.Disposition `json:"disposition,omitempty"`
	Route       *iproute2.Route    `json:"route,omitempty"`
	Trace       []jsonTrial        `json:"trace,omitempty"`
}

type jsonKernel struct {
	Asked      bool                `json:"asked"`
	Why        string              `json:"why,omitempty"`
	Agrees     *bool               `json:"agrees,omitempty"`
	Answer     *jsonAnswer         `json:"answer,omitempty"`
	Errno      route.Errno         `json:"errno,omitzero"`
	Benign     []lookup.Reason     `json:"benign,omitempty"`
	Difference []lookup.Difference `json:"difference,omitempty"`
}

type jsonAnswer struct {
	Type    string          `json:"type"`
	Table   string          `json:"table,omitempty"`
	Gateway string          `json:"gateway,omitempty"`
	Dev     string          `json:"dev,omitempty"`
	PrefSrc string          `json:"prefsrc,omitempty"`
	MTU     uint32          `json:"mtu,omitempty"`
	Entry   *iproute2.Route `json:"entry,omitempty"`
}

// WriteJSON writes the answers to all questions as one JSON array.
func WriteJSON(w io.Writer, answers []any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(answers)
}

// JSON is the form of the explanation that [WriteJSON] writes.
func (e *Explanation) JSON() any { return e.form() }

func (e *Explanation) form() jsonExplanation {
	s := e.FIB.Snapshot()
	j := e.decisionJSON()
	j.Trace = trials(s, e.Trace.Rules)
	j.Assumptions, j.Warnings = append(e.assumptions(), e.missing()...), e.Remarks
	j.Source = e.sourceJSON()
	j.Next = nextJSON(s, e.Trace.Next)
	j.Reverse = reverseJSON(s, e.Trace.Reverse)
	j.Kernel = e.kernelJSON()
	j.Sockets = e.listeningJSON()
	j.Reply = e.replyJSON()
	e.lookupsJSON(&j)
	j.Warnings = append(j.Warnings, e.lifeless()...)
	for i := range e.Notes {
		j.Warnings = append(j.Warnings, Remark{Code: string(e.Notes[i].Code), Text: e.note(&e.Notes[i])})
	}
	return j
}

// decisionJSON is the question and the decision, without what explains it.
func (e *Explanation) decisionJSON() jsonExplanation {
	s, d := e.FIB.Snapshot(), &e.Trace.Decision
	j := jsonExplanation{
		Query: e.query(), Disposition: d.Disposition, Errno: d.Errno, ConnectErrno: e.ConnectErrno, Default: d.Default(),
		Shortcut: d.Shortcut, Src: addr(d.Src),
	}
	j.MayRefuse = d.MayRefuse
	if d.SomeRefused != 0 {
		j.SomeRefused = &jsonRefused{d.SomeRefused, d.RefusedShare}
	}
	if d.Rule != nil {
		r := iproute2.RuleJSON(s, d.Rule)
		j.Rule = &r
	}
	if d.HasRoute {
		r := iproute2.RouteJSON(s, &d.Route)
		j.Route = &r
	}
	if d.Ambiguous.Code != "" {
		j.Ambiguous = &d.Ambiguous
	}
	j.NextHops = e.ways()
	j.WayOut, j.Why = wayOutJSON(e.DeadEnd())
	return j
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (e *Explanation) query() jsonQuery {
	s, f := e.FIB.Snapshot(), e.asked()
	q := jsonQuery{
		Dst:  netip.PrefixFrom(f.Dst.WithZone(""), f.Dst.BitLen()).String(),
		From: addr(f.Src), Sport: f.SrcPort, Dport: f.DstPort, FlowLabel: f.FlowLabel, UID: &f.UID,
	}
	if f.In != 0 {
		q.Iif = s.LinkName(f.In)
	}
	switch {
	case f.Out == 0:
	case e.GivenFields[lookup.FieldVRF]:
		q.VRF = s.LinkName(f.Out)
	default:
		q.Oif = s.LinkName(f.Out)
	}
	if f.Proto != 0 {
		q.IPProto = iproute2.ProtoName(f.Proto)
	}
	if f.Mark != 0 || e.GivenFields[lookup.FieldMark] {
		q.Mark = &f.Mark
	}
	if f.TOS != 0 || e.GivenFields[lookup.FieldTOS] {
		q.TOS = &f.TOS
	}
	return q
}

func (e *Explanation) ways() []jsonWay {
	s, d := e.FIB.Snapshot(), &e.Trace.Decision
	var out []jsonWay
	for i, w := range d.NextHops {
		j := jsonWay{
			Gateway: addr(w.Gateway), Dev: s.LinkName(w.Link), Weight: w.Via.Weight, Share: w.Share,
			Src: addr(w.Src), SrcOneOf: w.SrcOneOf, NHID: w.Object, Stale: w.Stale,
		}
		if w.SrcOneOf != nil {
			j.Src = ""
		}
		if w.Redirected {
			j.RedirectedFrom = addr(w.Via.Gateway)
		}
		if i < len(e.Trace.Gateways) && e.Trace.Gateways[i].HasState {
			j.Neighbour = e.Trace.Gateways[i].State.String()
		}
		out = append(out, j)
	}
	return out
}

func (e *Explanation) sourceJSON() *jsonSource {
	s, t := e.FIB.Snapshot(), &e.Trace.Source
	if t.Reason.Code == "" {
		return nil
	}
	j := &jsonSource{Address: addr(t.Addr), Reason: t.Reason}
	if t.Link != 0 {
		j.Dev = s.LinkName(t.Link)
	}
	for _, c := range t.Candidates {
		j.Candidates = append(j.Candidates, jsonSourceCandidate{
			c.Addr.Prefix.String(), s.LinkName(c.Addr.Link), c.Verdict, c.Reason,
		})
	}
	return j
}

func trials(s *route.Snapshot, ts []lookup.RuleTrial) []jsonTrial {
	var out []jsonTrial
	for i := range ts {
		t := &ts[i]
		j := jsonTrial{Rule: iproute2.RuleJSON(s, t.Rule), Verdict: t.Verdict, Reason: t.Reason}
		if t.Table != 0 {
			j.Table = s.Names.Table(t.Table)
		}
		for k := range t.Candidates {
			c := &t.Candidates[k]
			j.Candidates = append(j.Candidates, jsonCandidate{iproute2.RouteJSON(s, &c.Route), c.Verdict, c.Reason})
		}
		if t.Shadow != nil {
			r := iproute2.RouteJSON(s, t.Shadow)
			j.Shadow = &r
		}
		out = append(out, j)
	}
	return out
}

func nextJSON(s *route.Snapshot, d *lookup.Decision) *jsonNext {
	if d == nil {
		return nil
	}
	j := &jsonNext{Disposition: d.Disposition, Errno: d.Errno}
	if d.HasRoute {
		r := iproute2.RouteJSON(s, &d.Route)
		j.Route, j.Table = &r, string(r.Table)
	}
	return j
}

func reverseJSON(s *route.Snapshot, rp *lookup.ReversePath) *jsonReverse {
	if rp == nil {
		return nil
	}
	j := &jsonReverse{Filter: rp.Filter, FilterFrom: rp.FilterFrom, Passed: rp.Passed, Reason: rp.Reason}
	if rp.Trace != nil {
		d := &rp.Trace.Decision
		j.Disposition, j.Trace = d.Disposition, trials(s, rp.Trace.Rules)
		if d.HasRoute {
			r := iproute2.RouteJSON(s, &d.Route)
			j.Route = &r
		}
	}
	return j
}

func (e *Explanation) kernelJSON() *jsonKernel {
	c, a, s := &e.Comparison, &e.Answer, e.FIB.Snapshot()
	j := &jsonKernel{Asked: c.Asked, Why: e.NotAsked, Benign: c.Benign, Difference: c.Differences, Errno: a.Errno}
	if e.incomparable() {
		j.Why, j.Difference = incomparableWords, nil
	} else if c.Asked {
		j.Agrees = &c.Agrees
	}
	if !c.Asked || a.Errno != 0 {
		return j
	}
	j.Answer = &jsonAnswer{Type: a.Type.String(), Gateway: addr(a.Gateway), Dev: s.LinkName(a.Link), PrefSrc: addr(a.Src), MTU: a.MTU}
	if a.Table != 0 {
		j.Answer.Table = s.Names.Table(a.Table)
	}
	if a.HasEntry {
		r := iproute2.RouteJSON(s, &a.Entry)
		j.Answer.Entry = &r
	}
	return j
}
