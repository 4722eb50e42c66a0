package text

import (
	"fmt"
	"strings"

	"routewhy/lookup/report"
)

// answerSource says from which address a UDP server answers a packet, if the server lets the
// kernel choose.
func (e told) answerSource(n *report.Finding) string {
	if len(n.Answers) == 0 {
		return ""
	}
	a := &n.Answers[0]
	server := fmt.Sprintf("a server that does not choose the source of its answers (%s)", pktinfo(e.Query.Addr().Is4()))
	if a.Errno != 0 {
		return fmt.Sprintf("%s cannot answer: sendto(2) fails (%s)", server, a.Errno)
	}
	by := ""
	if came := e.Looked().Iif; len(a.Devs) > 0 && (len(a.Devs) > 1 || a.Devs[0] != came) {
		by = ", by " + alternatives(devs(a.Devs))
	}
	return fmt.Sprintf("%s answers from %s%s: a client that is connected to %s drops that", server, answerFrom(a), by, n.Want)
}

// pktinfo is the socket option that tells a server which of its addresses a packet
// was sent to.
func pktinfo(is4 bool) string {
	if is4 {
		return "IP_PKTINFO"
	}
	return "IPV6_PKTINFO"
}

func answerFrom(a *report.AnswerSource) string {
	var out []string
	for _, src := range a.Sources {
		if src.IsValid() {
			out = append(out, src.String())
		}
	}
	return strings.Join(out, " or ")
}

// answerSources says from which address UDP servers answer which clients, if they let the
// kernel choose.
func answerSources(n *report.Finding, verbose bool) string {
	if len(n.Answers) == 0 || len(n.Answers[0].Clients) == 0 {
		return ""
	}
	var parts []string
	for i := range n.Answers[1:] {
		if a := &n.Answers[1+i]; a.Errno != 0 || len(a.Sources) > 0 {
			parts = append(parts, answeredFrom(clientList(a.Clients, verbose), a))
		}
	}
	if more := len(parts) - maxClients; more > 1 && !verbose {
		parts = append(parts[:maxClients], fmt.Sprintf("%d more groups of clients from other addresses (-v lists them)", more))
	}
	first := &n.Answers[0]
	if first.Errno != 0 || len(first.Sources) > 0 {
		others := "all clients"
		if len(parts) > 0 {
			others = "others"
		}
		if len(first.Clients) > 1 {
			others += " and " + clientList(first.Clients[1:], verbose)
		}
		parts = append(parts, answeredFrom(others, first))
	}
	who := "UDP servers on every address"
	if len(n.Sockets) > 0 {
		who = "UDP servers on " + someSockets(n.Sockets, verbose)
	}
	return fmt.Sprintf("%s that do not choose the source of their answers (%s) answer %s; a client that is connected to another address drops that",
		who, pktinfo(first.Clients[0].Addr().Is4()), listed(parts))
}

func answeredFrom(clients string, a *report.AnswerSource) string {
	if a.Errno != 0 {
		return fmt.Sprintf("nothing to %s (%s)", clients, a.Errno)
	}
	return clients + " from " + answerFrom(a)
}

func someSockets(all []string, verbose bool) string {
	if n := len(all); n > maxClients+1 && !verbose {
		all = append(all[:maxClients:maxClients], fmt.Sprintf("%d more sockets", n-maxClients))
	}
	return listed(all)
}
