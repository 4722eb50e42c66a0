package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Finding is something that the reader of an answer should know: it would surprise, or it
// was assumed.
type Finding struct {
	Reason
	// Text is the same as a sentence; printers of text set it.
	Text string `json:"text,omitempty"`
	// Route, Rule and Table are what the finding is about.
	Route *iproute2.Route `json:"route,omitempty"`
	Rule  *iproute2.Rule  `json:"rule,omitempty"`
	Table string          `json:"table,omitempty"`
	// More is how many further rules the same is true of.
	More int `json:"more,omitempty"`
	// Ask are the fields of a packet that would find the route, or that the rule matches.
	// Only fields that differ are there.
	Ask *Query `json:"ask,omitempty"`
	// Kind is the kind of the device that the finding is about, for example "bridge".
	Kind string `json:"kind,omitempty"`
	// Gateway says how the gateway that the finding is about is reached.
	Gateway *Reach `json:"gateway,omitempty"`
	// Policy is the IPsec policy that takes the packet.
	Policy *Policy `json:"policy,omitempty"`
	// Settings are those that would have to change.
	Settings []Setting `json:"settings,omitempty"`
	// Devs and Addresses are devices and addresses of this host that the finding is about.
	Devs      []string   `json:"devs,omitempty"`
	Addresses []HostAddr `json:"addresses,omitempty"`
	// Answers are the sources of answers that a server leaves to the kernel.
	Answers []AnswerSource `json:"answers,omitempty"`
	// Sockets are those that the finding is about, where others of their kind are not
	// like that.
	Sockets []string `json:"sockets,omitempty"`
	// Alike are routes that stand for others.
	Alike []AlikeRoutes `json:"alike,omitempty"`
	// MarkSetter is the chain that the finding is about.
	MarkSetter *MarkSetter `json:"mark_setter,omitempty"`
	// Private says that only a privileged user can know more.
	Private bool `json:"private,omitempty"`
}

// Setting is a kernel setting by its name in sysctl(8).
type Setting struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
}

// Policy is an IPsec policy (ip-xfrm(8)).
type Policy struct {
	Src netip.Prefix `json:"src"`
	Dst netip.Prefix `json:"dst"`
	Dir string       `json:"dir"` // in, out, fwd
	// Block says that the policy lets nothing pass.
	Block bool `json:"block,omitempty"`
	// Tunnel is the other end of the tunnel; absent: there is none.
	Tunnel netip.Addr `json:"tunnel,omitzero"`
}

// findings are notes about a packet, by names.
func (n names) findings(flow *route.Flow, notes []lookup.Note) []Finding {
	var out []Finding
	for i := range notes {
		out = append(out, n.finding(flow, &notes[i]))
	}
	return out
}

func (n names) finding(flow *route.Flow, note *lookup.Note) Finding {
	f := Finding{
		Reason: NewReason(note.Reason), Route: n.route(note.Route), Rule: n.rule(note.Rule), Table: n.table(note.Table), More: note.More,
	}
	switch x := note.Have.(type) {
	case lookup.Gateway:
		f.Gateway, f.Have = n.reach(&x), operand(x.Addr)
	case route.Policy:
		f.Policy, f.Have = &Policy{x.Src, x.Dst, x.Dir.String(), x.Block, x.Tunnel}, Operand{}
	}
	if set, ok := note.Want.(lookup.BroadcastForwarding); ok {
		f.Want = Operand{}
		f.Settings = []Setting{
			{route.SettingName(route.IPv4, "all", "bc_forwarding"), set.All}, {route.SettingName(route.IPv4, set.Device, "bc_forwarding"), set.Own},
		}
	}
	switch note.Code {
	case lookup.NoteMacvlan, lookup.NoteOuterLoop, lookup.NoteOuterRefused, lookup.NoteOuterLo, lookup.NoteOuterSource:
		f.Kind = n.kind(note.Have)
	case lookup.NoteIsPort, lookup.NoteSeenOnMaster:
		f.Kind = n.kind(note.Want)
	}
	if note.Ask != nil {
		f.Ask = n.asks(flow, note.Ask)
	}
	return f
}

// kind is the kind of a device by its name; empty: it is not known.
func (n names) kind(name any) string {
	s, _ := name.(string)
	if l := n.snap.LinkByName(s); l != nil {
		return l.Kind
	}
	return ""
}

// asks are the fields in which two packets differ.
func (n names) asks(was, ask *route.Flow) *Query {
	q := &Query{}
	if ask.Dst != was.Dst {
		q.Dst = netip.PrefixFrom(ask.Dst, ask.Dst.BitLen())
	}
	if ask.Src != was.Src {
		q.From = ask.Src
	}
	if ask.In != was.In {
		q.Iif = n.dev(ask.In)
	}
	if l := n.snap.Link(ask.Out); ask.Out != was.Out && l != nil && l.VRFTable != 0 {
		q.VRF = l.Name
	} else if ask.Out != was.Out {
		q.Oif = n.dev(ask.Out)
	}
	if ask.Mark != was.Mark {
		q.Mark = &ask.Mark
	}
	if ask.TOS != was.TOS {
		q.TOS = &ask.TOS
	}
	if ask.UID != was.UID {
		q.UID = &ask.UID
	}
	if ask.Proto != was.Proto {
		q.IPProto = iproute2.ProtoName(ask.Proto)
	}
	if ask.SrcPort != was.SrcPort {
		q.Sport = ask.SrcPort
	}
	if ask.DstPort != was.DstPort {
		q.Dport = ask.DstPort
	}
	if ask.FlowLabel != was.FlowLabel {
		q.FlowLabel = ask.FlowLabel
	}
	return q
}

// has reports whether a finding of a code is among some.
func has(all []Finding, c lookup.Code) bool {
	return slices.ContainsFunc(all, func(f Finding) bool { return f.Code == c })
}

// noted are the findings of a code among some.
func noted(all []Finding, c lookup.Code) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Code != c })
}

// Findings about a question itself.
const (
	RemarkMapped    lookup.Code = "mapped"              // an IPv4 address in IPv6's notation; Have: the IPv4 address
	RemarkPortlike  lookup.Code = "portlike"            // an IPv6 address that ends like a port; Want: the port, Have: what is before it
	RemarkConnect   lookup.Code = "unspecified-connect" // connect(2) goes elsewhere; Want: the destination as given, Have: the one taken
	RemarkSource    lookup.Code = "answer-source"       // a server that leaves the source of its answers to the kernel does not answer from the address that was asked
	RemarkProcesses lookup.Code = "processes-hidden"    // the names of processes could not be read; Have: why
)

// NewRemark is a finding about a question itself. An empty operand is none.
func NewRemark(c lookup.Code, want, have string) Finding {
	f := Finding{Reason: Reason{Code: c}}
	if want != "" {
		f.Want = Text(want)
	}
	if have != "" {
		f.Have = Text(have)
	}
	return f
}
