package text

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

func (p *page) source(e told) {
	d, t := &e.Decision, e.Source
	if e.SourceLookup != nil && e.SourceLookup.Errno == 0 {
		d = &e.SourceLookup.Decision
	}
	if e.Looked().Iif != "" || t == nil || t.Reason.Code == lookup.CodeSrcGiven || d.Errno != 0 {
		return
	}
	switch {
	case d.Shortcut == lookup.ShortcutZero:
		return
	case t.Reason.Code == lookup.CodeSrcUnread:
		p.detail("source", "unknown: the route says which, but that is not readable", yellow)
	case t.Unread:
		p.detail("source", "unknown: there is no listing of the addresses", yellow)
	case t.Reason.Code == lookup.CodeSrcNone:
		p.detail("source", "none: no device has an address that fits", yellow)
	case t.Reason.Code == lookup.CodeSrcShared && len(d.NextHops) > 0:
		p.detail("source", either(d.NextHops[0].SrcOneOf)+", "+sourceWords(t), yellow)
	case t.Reason.Code == lookup.CodeSrcUnordered:
		p.detail("source", unordered(t), yellow)
	case len(liveWays(d)) > 1 && !d.Src.IsValid():
		p.detail("source", "that of the next hop taken: "+sources(d, p.st.Verbose), plain)
	case d.Disposition == lookup.DispositionLocal && t.Address == e.Looked().Addr():
	default:
		p.detail("source", fmt.Sprintf("%s, %s", t.Address, e.sourceReason()), plain)
	}
	if p.st.Verbose {
		p.sourceCandidates(t)
	}
}

// sourceReason says what decided the packet's source. A redirect does not change it.
func (e told) sourceReason() string {
	t, w := e.Source, e.NextHops
	if t.Reason.Code == lookup.CodeSrcGateway && len(w) == 1 && w[0].RedirectedFrom.IsValid() {
		if r := w[0].Reach; r == nil || !r.Network.Contains(w[0].RedirectedFrom) {
			return fmt.Sprintf("%s's address in the network of the route's own gateway %s", iproute2.Safe(t.Dev), w[0].RedirectedFrom)
		}
	}
	return sourceWords(t)
}

// unordered says that the source comes from one of several devices, and that nobody
// knows from which one.
func unordered(t *report.Source) string {
	var all []string
	for _, c := range t.Candidates {
		if c.Verdict == lookup.VerdictPossible {
			all = append(all, c.Address.Addr().String()+" of "+iproute2.Safe(c.Dev))
		}
	}
	return alternatives(all) + ": that of the device that came into this namespace first, and it is not known which one that is"
}

// alternatives joins words if only one of them is true.
func alternatives(all []string) string {
	const shown = 3
	if n := len(all) - shown; n > 1 {
		all = append(all[:shown:shown], fmt.Sprintf("one of %d others", n))
	}
	return strings.Join(all, " or ")
}

// sources are the source addresses of several ways: the first few, or all of them.
func sources(d *report.Decision, all bool) string {
	var out []string
	for _, w := range liveWays(d) {
		if w.Src.IsValid() {
			out = append(out, w.Src.String()+" on "+iproute2.Safe(w.Dev))
		}
	}
	if n := len(out) - maxNamed + 1; n > 1 && !all {
		return strings.Join(out[:maxNamed-1], ", ") + fmt.Sprintf(" and %d more (-v)", n)
	}
	return strings.Join(out, ", ")
}

func (p *page) sourceCandidates(t *report.Source) {
	for _, c := range t.Candidates {
		if c.Verdict == lookup.VerdictChosen {
			continue
		}
		p.detail("", fmt.Sprintf("not %s on %s: %s", c.Address, iproute2.Safe(c.Dev), sourceLoss(c.Reason)), dim)
	}
}

// sourceLoss says why an address was not taken.
func sourceLoss(r report.Reason) string {
	switch r.Code {
	case lookup.CodeSrcSecondary:
		return "secondary"
	case lookup.CodeSrcScope:
		return fmt.Sprintf("scope %s, the route has %s", r.Have, r.Want)
	case lookup.CodeSrcNotSubnet:
		return fmt.Sprintf("%s is not in its network", r.Want)
	case lookup.CodeSrcTentative:
		return "tentative"
	case lookup.CodeSrcSame:
		return "another is the destination itself (RFC 6724 rule 1)"
	case lookup.CodeSrcScope6:
		return "its scope fits less well (RFC 6724 rule 2)"
	case lookup.CodeSrcDeprecated:
		return "deprecated (RFC 6724 rule 3)"
	case lookup.CodeSrcDevice:
		return "not on the output device (RFC 6724 rule 5)"
	case lookup.CodeSrcLabel:
		return "does not have the destination's label (RFC 6724 rule 6)"
	case lookup.CodeSrcTemporary:
		return "public or temporary, not as use_tempaddr asks (RFC 6724 rule 7)"
	case lookup.CodeSrcOrchid:
		return "an ORCHID or not, unlike the destination"
	case lookup.CodeSrcPrefix:
		return "shorter prefix in common with the destination (RFC 6724 rule 8)"
	case lookup.CodeSrcOptimistic:
		return "optimistic"
	case lookup.CodeSrcOrder:
		return "equal, but later"
	}
	return strings.ReplaceAll(string(r.Code), "-", " ")
}
