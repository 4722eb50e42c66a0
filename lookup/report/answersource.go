package report

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// AnswerSource are clients to whom a UDP server's answers have the same source, where it
// leaves that to the kernel: it does not use IP_PKTINFO.
type AnswerSource struct {
	// Clients are prefixes of their addresses, as in [ClientClass]; absent: it is about
	// one packet.
	Clients []netip.Prefix `json:"clients,omitempty"`
	// Sources are the addresses of which the answer gets one. Errno is what sendto(2)
	// says where there is no answer. Neither: they get none from any source.
	Sources []netip.Addr `json:"sources,omitempty"`
	Errno   route.Errno  `json:"errno,omitzero"`
	// Devs are the devices that it leaves by, where it is about one packet.
	Devs []string `json:"devs,omitempty"`
}

// answerSources are findings about the servers that may leave the source of their answers to
// the kernel, where clients then get another source than the address that they asked.
func (x *Exposure) answerSources(host *listen.Host) []Finding {
	var out []Finding
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if x.Query.Family == "" || x.Query.Family == FamilyName(fam) {
			out = append(out, x.answerSourcesOf(host, fam)...)
		}
	}
	return out
}

func (x *Exposure) answerSourcesOf(host *listen.Host, fam route.Family) []Finding {
	asked := x.Query.Asked()
	only := SocketQuery{Family: FamilyName(fam)}
	var out []Finding
	at := map[string]int{}                // by what is said
	made := map[*listen.SourceClass]int{} // the same for sockets that are alike
	all, alike := x.FIB.Snapshot().Sockets, 0
	for i := range all {
		s := &all[i]
		if !s.Listens() || !x.holds(s) || !listen.LeavesSource(s) || !only.inFamily(s) {
			continue
		}
		classes := host.Sources(s, fam, asked)
		if len(classes) == 0 {
			alike++
			continue
		}
		k, ok := made[&classes[0]]
		if !ok {
			key := fmt.Sprint(classes)
			if k, ok = at[key]; !ok {
				k = len(out)
				out = append(out, Finding{Reason: Reason{Code: RemarkSource}, Answers: answerSources(classes)})
			}
			at[key], made[&classes[0]] = k, k
		}
		if name := host.BoundTo(s); !slices.Contains(out[k].Sockets, name) {
			out[k].Sockets = append(out[k].Sockets, name)
		}
	}
	if len(out) == 1 && alike == 0 {
		out[0].Sockets = nil // all of them
	}
	return out
}

func answerSources(classes []listen.SourceClass) []AnswerSource {
	var out []AnswerSource
	for _, c := range classes {
		out = append(out, AnswerSource{Clients: c.Clients, Sources: c.Sources, Errno: c.Errno})
	}
	return out
}

// sendto is the answer that a socket which takes the packet sends without a source. False:
// there is none that may do so.
func (m *met) sendto() (route.Flow, bool) {
	if m == nil {
		return route.Flow{}, false
	}
	for _, c := range m.verdict.Receivers {
		if listen.LeavesSource(c.Socket) {
			return m.verdict.Packet.Sendto(c.Socket)
		}
	}
	return route.Flow{}, false
}

// answerSource is a finding about an answer that is sent without a source, where it gets another
// one than the address that was asked.
func (n names) answerSource(l *look, back *route.Flow) []Finding {
	asked := l.Met.verdict.Packet.Dst.Addr()
	d := listen.LookupSendto(n.fib, *back)
	a := AnswerSource{Sources: d.Sources(), Errno: d.Errno}
	switch {
	case d.Disposition == lookup.DispositionUnknown, d.Errno == 0 && !slices.ContainsFunc(a.Sources, netip.Addr.IsValid),
		d.Errno == 0 && slices.Equal(a.Sources, []netip.Addr{asked}):
		return nil
	}
	for i := range d.NextHops {
		if dev := n.dev(d.NextHops[i].Link); l.Trace.Flow.In != 0 && !slices.Contains(a.Devs, dev) {
			a.Devs = append(a.Devs, dev)
		}
	}
	return []Finding{{Reason: Reason{Code: RemarkSource, Want: operand(asked)}, Answers: []AnswerSource{a}}}
}
