package text

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// WhyNot writes why a packet does not go where it is wanted to go, as text.
func WhyNot(w io.Writer, r *report.WhyNot, st Style) error {
	x, p := missed{r, told{r.Decision}}, &page{w: w, st: st}
	if bad := x.Disagreement(); bad != nil {
		p.disagreement(told{bad})
		return p.err
	}
	i := bold
	if !r.Already && len(r.Ways) == 0 && len(r.Packets) == 0 {
		i = red
	}
	p.line(st.paint(i, x.headline()+x.apart()+x.connected()+p.aside(x.told)))
	if st.Quiet {
		return p.err
	}
	p.blank()
	p.blockers(x)
	p.others(x)
	if r.Already { // what surprises people although the packet goes as they want
		p.instead(x)
		p.warnings(x.told, slices.DeleteFunc(withoutCode(lookup.NoteChanging, r.Decision.Warnings), func(f report.Finding) bool { return lifeless(f.Code) && x.lost() != "" }))
	}
	if x.onMaster() != "" {
		p.otherwise(x)
		return p.explained(r.Decision)
	}
	if !r.Already {
		label := "  instead  "
		if x.r.Sometimes {
			label = "  now      "
		}
		told := len(r.Because) == 0 || x.ofDefault() && x.Disposition == lookup.DispositionNoRoute // by the first line
		if !told {
			p.block(label, x.told.ends()+x.lost(), plain)
		}
		p.ways(x)
		p.otherPackets(x)
	}
	p.blank()
	p.assumed(x.told)
	p.warnings(x.told, r.Warnings)
	p.whichPort(x)
	if x.ofDefault() {
		return p.err
	}
	return p.explained(r.Decision)
}

// explained writes, with -v, the whole explanations of the decisions that an answer is about.
func (p *page) explained(all ...*report.Explanation) error {
	for _, e := range all {
		if p.err != nil || !p.st.Verbose {
			break
		}
		p.gap = false
		if p.line(""); p.err == nil {
			p.err = Explain(p.w, e, p.st)
		}
	}
	return p.err
}

// aside ends a first line that stands alone, if the tables were changing.
func (p *page) aside(e told) string {
	if p.st.Quiet && e.changing() {
		return changingAside
	}
	return ""
}

// instead names the route that would take the packet if the one that it takes went away, which
// leads to nobody.
func (p *page) instead(x missed) {
	if n := x.Next; x.WayOut != "" && n != nil && n.Route != nil {
		p.detail("next", routeIn(n.Route)+" stands by, and is used only without that route", plain)
	}
}

// withoutCode leaves out the findings of a code.
func withoutCode(c lookup.Code, all []report.Finding) []report.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f report.Finding) bool { return f.Reason.Code == c })
}

// warnings writes what must be said about how the facts were read.
func (p *page) warnings(e told, all []report.Finding) {
	p.blank()
	last := ""
	for i := range all {
		if text := e.finding(&all[i]); text != "" && text != last {
			p.detail("note", text, yellow)
			last = text
		}
	}
}

// texts puts findings into words.
func (e told) texts(all []report.Finding) {
	for i := range all {
		all[i].Text = e.finding(&all[i])
	}
}

// missed is a report that is put into words.
type missed struct {
	r *report.WhyNot
	told
}

// is says what the packet does if it goes as wanted, and isNot what it does if not.
func (x missed) is() string {
	want := iproute2.Safe(x.r.Want)
	switch x.r.Kind {
	case whynot.Device:
		if x.r.Master != "" {
			return fmt.Sprintf("goes to %s, of which %s is a port", iproute2.Safe(x.r.Master), want)
		}
		return "goes to " + want
	case whynot.Gateway:
		return "goes " + want
	case whynot.Table:
		return "takes a route of " + want
	case whynot.Rule:
		return "is decided by rule " + want
	case whynot.Source:
		return "gets the source " + strings.TrimPrefix(want, "src ")
	case whynot.Default:
		return "takes a default route"
	}
	return "takes " + want
}

func (x missed) isNot() string {
	is := x.is()
	switch verb, rest, _ := strings.Cut(is, " "); verb {
	case "goes":
		return "does not go " + rest
	case "takes":
		return "does not take " + strings.Replace(strings.Replace(rest, "a route of", "any route of", 1), "a default", "any default", 1)
	case "gets":
		return "does not get " + rest
	}
	return strings.Replace(is, "is ", "is not ", 1)
}

// ofDefault reports whether the question is why there is no default route.
func (x missed) ofDefault() bool {
	return x.r.Kind == whynot.Default && x.r.About.IsValid() && x.r.About.Bits() == 0 && x.Disposition != lookup.DispositionUnknown
}

// noneAtAll reports whether no table has a default route, or only one that refuses packets.
// In that case the other facts are the possible reasons.
func (x missed) noneAtAll() bool {
	if len(x.r.Because) == 0 || x.r.Because[0].Reason.Code != whynot.CodeNoDefault {
		return false
	}
	r := x.r.Because[0].Route
	return r == nil || r.Type != typeUnicast && len(x.r.Because) > 1
}

// defaultHeadline says whether there is a default route. It also gives the first reason
// why there is none, or why it is not used.
func (x missed) defaultHeadline() string {
	family := route.FamilyOf(x.r.About.Addr())
	if x.r.Already {
		return fmt.Sprintf("%s has a default route: %s %s", family, x.Looked().Addr(), x.verdict()) + x.lost()
	}
	if x.r.Sometimes {
		return fmt.Sprintf("%s has a default route for some packets: %s %s", family, x.Looked().Addr(), x.verdict())
	}
	there, because := "no packet takes a default route for "+family.String(), x.r.Because
	if x.noneAtAll() {
		there = "there is no default route for " + family.String()
		if r := because[0].Route; r != nil {
			there += " but " + routeLine(r)
		}
		because = because[1:]
	}
	if len(because) == 0 {
		return there
	}
	return there + ": " + x.blocker(&because[0])
}

// lost says why the packet is lost on its way although it goes as wanted; empty: nothing
// of the kind is known.
func (x missed) lost() string {
	if text := wrong(x.Why, true); text != "" {
		return ", but " + text
	}
	return misfit(x.r.Decision.Warnings)
}

// apart says how many addresses of a prefix do not go as the first line says of one of them;
// empty: none.
func (x missed) apart() string {
	a := x.r.Apart
	if a == nil {
		return ""
	}
	few, do := "", "do"
	if a.AtLeast {
		few = "at least "
	}
	if strings.HasPrefix(x.is(), "is ") {
		do = "are"
	}
	if x.r.Already {
		do += " not"
	}
	return fmt.Sprintf("; %s%s of the prefix %s (the first is %s)", few, roughly(a.Addresses), do, a.First)
}

// dropped says that the packet is dropped after its look-up; empty: it is not.
func (x missed) dropped() string {
	if text := x.unforwarded(); text != "" {
		return ", but " + text
	}
	return ""
}

// byAddresses are the fields by which a hash chooses the next hop, if ports are not among
// them; empty: they may be.
func (x missed) byAddresses() string {
	for i := range x.r.Decision.Warnings {
		if n := &x.r.Decision.Warnings[i]; n.Code == lookup.NoteHashFields && (n.Have.String() == "0" || n.Have.String() == "2") {
			return hashedBy(&n.Reason)
		}
	}
	return ""
}

// connected says what a connected socket's packets do, if the packet that was asked about
// does otherwise; empty: they do the same, or the question is about them.
func (x missed) connected() string {
	switch c := x.r.Connected; {
	case c == nil:
		return ""
	case *c:
		return "; a connected socket's packets do"
	case x.r.Sometimes || !x.r.Already:
		return "; a connected socket's packets may"
	}
	return "; a connected socket's packets do not"
}

func (x missed) headline() string {
	subject := x.subject()
	if x.ofDefault() {
		return x.defaultHeadline()
	}
	switch {
	case x.Disposition == lookup.DispositionUnknown:
		return x.told.headline()
	case x.onMaster() != "":
		return subject + " " + x.onMaster() + x.there()
	case x.r.Already && x.r.Apart != nil:
		return subject + " " + x.is() + " in part: " + x.Looked().Addr().String() + " " + x.verdict() + x.lost() + x.dropped()
	case x.r.Already && strings.HasPrefix(x.is(), "takes ") && strings.HasPrefix(x.verdict(), "takes "):
		return subject + " " + x.verdict() + x.lost() + x.dropped()
	case x.r.Already:
		return subject + " " + x.is() + ": " + x.verdict() + x.lost() + x.dropped()
	case x.r.Sometimes && x.r.Share > 0 && x.byAddresses() != "":
		return fmt.Sprintf("%s may %s: a hash of %s chooses, with a chance of %s, and connections between the same two hosts share the choice",
			subject, strings.NewReplacer("goes ", "go ", "gets ", "get ").Replace(x.is()), x.byAddresses(), share(x.r.Share))
	case x.r.Sometimes && x.r.Share > 0:
		return fmt.Sprintf("%s %s sometimes: %s of all flows", subject, x.is(), share(x.r.Share))
	case x.r.Sometimes:
		return subject + " " + x.is() + " sometimes: " + x.verdict()
	case len(x.r.Because) == 0:
		return subject + " " + x.isNot() + ": " + x.verdict()
	}
	more := ""
	if n := len(x.r.Because) - 1; n > 0 && !x.noneAtAll() {
		more = fmt.Sprintf(", and %s", agree(n, "more thing stops it", "more things stop it"))
	}
	return subject + " " + x.isNot() + ": " + x.blocker(&x.r.Because[0]) + more
}

// there says where a packet goes that IP receives on another device than was asked about.
func (x missed) there() string {
	if len(x.r.Packets) > 0 {
		return ": as such it " + x.is()
	}
	return ": as such it " + x.isNot()
}

// blockers writes all facts, if there are several.
func (p *page) blockers(x missed) {
	all := x.r.Because
	if x.noneAtAll() && x.ofDefault() {
		all = all[1:] // the first line already says that
	}
	if len(all) < 2 {
		return
	}
	for i := range all {
		p.block(fmt.Sprintf("  %d  ", i+1), x.blocker(&all[i]), plain)
	}
	p.blank()
}

// others writes the other facts, each of which stops the packet too.
func (p *page) others(x missed) {
	for i := range x.r.Also {
		p.block("  also     ", x.blocker(&x.r.Also[i]), plain)
	}
	if len(x.r.Also) > 0 {
		p.blank()
	}
}

// WhyNotJSON writes the same as JSON: an array with one object for each destination.
func WhyNotJSON(w io.Writer, all []*report.WhyNot) error {
	for _, r := range all {
		Annotate(r.Decision)
		x := missed{r, told{r.Decision}}
		for i := range r.Because {
			r.Because[i].Text = x.blocker(&r.Because[i])
		}
		for i := range r.Also {
			r.Also[i].Text = x.blocker(&r.Also[i])
		}
		x.texts(r.Warnings)
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
