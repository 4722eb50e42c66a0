package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

func (p *page) disagreement(e told) {
	p.line(p.st.paint(red, e.subject()+": routewhy and the kernel disagree"))
	if p.st.Quiet {
		return
	}
	p.line("  routewhy  " + e.verdict())
	p.line("  kernel    " + e.kernelAnswer())
	var fields []string
	for _, d := range e.Kernel.Difference {
		fields = append(fields, fmt.Sprintf("%s %s, not %s", d.Field, iproute2.Safe(d.Kernel), iproute2.Safe(d.Ours)))
	}
	p.block("  differ    ", strings.Join(fields, "; "), plain)
	p.line("  The kernel is right. Please report this with the output of --json.")
}

func (e told) kernelAnswer() string {
	if errno := e.Kernel.Errno; errno != 0 {
		return fmt.Sprintf("refuses: %s, %q", errno, errno.Text())
	}
	a := e.Kernel.Answer
	out := fmt.Sprintf("%s %s", a.Type, hop(a.Gateway, a.Dev))
	if a.Entry != nil {
		out += " by " + a.Entry.Dst
	}
	if a.PrefSrc.IsValid() {
		out += ", from " + a.PrefSrc.String()
	}
	return out
}

// kernelTold says what the kernel did when it was asked.
func (e told) kernelTold() string {
	if errno := e.Kernel.Errno; errno != 0 {
		return fmt.Sprintf("refused: %s, %q", errno, errno.Text())
	}
	return "answered " + e.kernelAnswer()
}

func (p *page) kernel(e told, silent bool) {
	k := e.Kernel
	incomparable := func(l *report.Explanation) bool { return l.Kernel.Incomparable() }
	switch {
	case k == nil:
	case k.NotAsked == report.NoKernelAsked:
	case k.NotAsked != "" && !silent:
		p.detail("kernel", "not asked: "+iproute2.Safe(k.NotAsked), plain)
	case slices.ContainsFunc(e.Lookups(), incomparable):
		p.detail("kernel", "cannot be compared: the tables were changing"+e.otherAnswer(), plain)
	case len(e.BySource) > 0:
		p.lookupsAgree(e)
	case k.Asked && (e.Shortcut == lookup.ShortcutNoIPv6 || e.Shortcut == lookup.ShortcutSmallMTU):
		p.detail("kernel", e.kernelTold()+": ip -6 route get does not check whether the device takes IPv6", plain)
	case k.Asked && e.droppedBefore6():
		p.detail("kernel", e.kernelTold()+": ip -6 route get does not check whether such a packet may come in", plain)
	case k.Agrees != nil && *k.Agrees:
		p.detail("kernel", "agrees"+e.dropErrno()+e.both()+e.explained(), plain)
	}
}

// otherAnswer is the kernel's answer at another time.
func (e told) otherAnswer() string {
	if !e.Kernel.Incomparable() || len(e.BySource) > 0 {
		return ""
	}
	return "; it " + e.kernelTold()
}

// dropErrno is the error that the kernel names for a packet that it drops on arrival.
// Nobody else sees this error.
func (e told) dropErrno() string {
	d := &e.Decision
	if e.Looked().Iif == "" || d.Disposition != lookup.DispositionInvalid || d.Shortcut == lookup.ShortcutNoForwarding || d.Shortcut == lookup.ShortcutNotUnicast {
		return ""
	}
	return " (" + d.Errno.String() + ")"
}

// hiddenWords says which hidden state can cause another answer of the kernel; empty:
// the code is none of these.
func hiddenWords(c lookup.Code) string {
	switch c {
	case lookup.CodeHiddenEntry:
		return "a dump does not show an entry between the next hops of a multipath route"
	case lookup.CodeSiblingPref:
		return "a dump shows the router preference of a multipath route's first next hop only"
	case lookup.CodeSubtreeLost:
		return "source-specific routes are lost after a deleted route of the same prefix"
	case lookup.CodeSharedEntry:
		return "a rule's suppressor looks at another route by the same next-hop object"
	case lookup.CodeReceivedInVRF:
		return "ip -6 route get does not take what a device of a VRF receives into the VRF"
	}
	return ""
}

// shared says that the kernel answers with another route that has the same next-hop
// object, and which parts of its answer come from that route.
func (e told) shared(b report.Reason) string {
	d, a := &e.Decision, e.Kernel.Answer
	var its []string
	if e.Looked().Iif == "" && a.PrefSrc.IsValid() && d.Src != a.PrefSrc && !e.SourceGiven() {
		its = append(its, "the source "+a.PrefSrc.String())
	}
	own, _ := d.Route.PathMetric("mtu")
	if mtu := fmt.Sprint(a.MTU); mtu != own && a.MTU != 0 {
		its = append(its, "the MTU "+mtu)
	} else if own != "" && a.MTU == 0 {
		its = append(its, "no MTU of its own")
	}
	text := fmt.Sprintf("it answers by %s, which uses nexthop object %d too", b.Have, d.Route.NHID)
	if len(its) == 0 {
		return text
	}
	return text + ": " + strings.Join(its, " and ") + ". A processor keeps one answer for both routes, that of the one used first"
}

// redirectedFromOne reports whether the kernel was redirected from one of several next
// hops and does not tell which one.
func (e told) redirectedFromOne() bool {
	return slices.ContainsFunc(e.Kernel.Explained, func(b report.Reason) bool {
		return b.Code == lookup.CodeRedirected && b.Want.IsZero()
	})
}

// explained says what the kernel's answer adds when it agrees.
func (e told) explained() string {
	k := e.Kernel
	if e.Disposition == lookup.DispositionUnknown {
		return " as far as is known: it " + e.kernelTold()
	}
	var out []string
	for _, b := range k.Explained {
		if why := hiddenWords(b.Code); why != "" && k.NextHop == nil {
			return ", as far as its answer shows: it " + e.kernelTold() + "; " + why
		}
		switch b.Code {
		case lookup.CodeLearntMTU:
			out = append(out, fmt.Sprintf("it has learnt a path MTU of %s", b.Have))
		case lookup.CodeLocalOnce:
			out = append(out, "a route of type local was added once, and since then it checks sources by the way back")
		case lookup.CodeSharedEntry:
			out = append(out, e.shared(b))
		case lookup.CodeLegRemembered:
			out = append(out, "it takes another leg, "+hop(k.Answer.Gateway, k.Answer.Dev)+", remembering the legs' sources from before an address changed")
		case lookup.CodeRedirected:
			if b.Want.IsZero() { // otherwise the headline says so
				out = append(out, fmt.Sprintf("it was redirected from one of these gateways to %s", b.Have))
			}
		case lookup.CodeOneOfSeveral:
			if k.Errno != 0 {
				out = append(out, fmt.Sprintf("for this very question it refuses: %s", k.Errno))
			}
			if k.NextHop == nil || e.redirectedFromOne() {
				continue
			}
			w := &e.NextHops[*k.NextHop]
			out = append(out, "for this very question it takes "+hop(w.Gateway, w.Dev))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, "; ")
}

// droppedBefore6 reports whether a received IPv6 packet is dropped before its look-up,
// because of its addresses.
func (e told) droppedBefore6() bool {
	return e.Looked().Addr().Is6() && (e.Shortcut == lookup.ShortcutMartianSrc || e.Shortcut == lookup.ShortcutMartianDst)
}
