package text

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Try writes what commands would do as text: the answer first, then what of it surprises,
// what becomes of the destinations that were asked about, and how much moves.
func Try(w io.Writer, t *report.Try, st Style) error {
	p := &tryPage{page{w: w, st: st}, t}
	tint := bold
	if t.Status() != report.StatusAnswered {
		tint = red
	}
	p.line(st.paint(tint, p.firstLine()))
	if st.Quiet {
		return p.err
	}
	p.places()
	p.blank()
	p.tryYou(t)
	p.commandList()
	p.instead()
	p.tryNotes()
	p.answers()
	p.moves()
	p.trySockets(t)
	p.trySafe(t)
	p.tryUndo(t)
	p.tryKernel(t)
	return p.err
}

// TryJSON writes the same as JSON: one object.
func TryJSON(w io.Writer, t *report.Try) error {
	for i := range t.Commands {
		for k := range t.Commands[i].Surprises {
			f := &t.Commands[i].Surprises[k]
			f.Text = surprise(f)
		}
	}
	for i := range t.Warnings {
		t.Warnings[i].Text = surprise(&t.Warnings[i])
	}
	for i := range t.Answers {
		for _, e := range []*report.Explanation{t.Answers[i].ExplainedBefore, t.Answers[i].ExplainedAfter} {
			if e != nil {
				Annotate(e)
			}
		}
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}

// tryPage is the page about commands.
type tryPage struct {
	page
	*report.Try
}

// firstLine is the answer. That the caller's session would be lost comes before all else.
func (p *tryPage) firstLine() string {
	lost := ""
	for i := range p.Sockets {
		s := &p.Sockets[i]
		switch {
		case !s.Yours || !s.Lost:
		case lost == "":
			lost = sessionName(s) + " would be lost"
		default: // the lines below name each
			lost = "ssh sessions would be lost"
		}
	}
	switch head := p.headline(); {
	case lost == "":
		return head
	case len(p.Commands) == 1 && len(p.NotReached) == 0:
		return lost + ". The command is " + head
	default:
		return lost + ": " + head
	}
}

// headline is the answer in one sentence, but for the caller's session.
func (p *tryPage) headline() string {
	if len(p.Commands) == 1 && len(p.NotReached) == 0 {
		return p.oneCommand(&p.Commands[0])
	}
	var refused []*report.TryCommand
	for i := range p.Commands {
		if c := &p.Commands[i]; !c.Accepted {
			refused = append(refused, c)
		}
	}
	if gone := p.defaultGone(); gone != "" && len(refused) > 0 {
		return gone + ": " + p.onlySome(refused)
	}
	if len(refused) == 0 {
		text := fmt.Sprintf("all %s commands are accepted", numeral(len(p.Commands)))
		if len(p.Commands) == 2 {
			text = "both commands are accepted"
		}
		return text + p.worst()
	}
	first := refused[0]
	text := fmt.Sprintf("%s is refused: %s", p.nth(first), refusalWords(first))
	if n := len(refused) - 1; n > 0 {
		text = fmt.Sprintf("%d of %d commands are refused; %s: %s", n+1, len(p.Commands), p.nth(first), refusalWords(first))
	}
	switch done := len(p.Commands) - len(refused); {
	case len(p.NotReached) > 0 && done == 0:
		text += "; the commands after it are not made"
	case len(p.NotReached) > 0:
		text += "; those before it are done, and those after it are not made"
	case done > 0:
		text += p.worst()
	}
	return text
}

// defaultGone says which family loses its default route; empty: none does.
func (p *tryPage) defaultGone() string {
	for i := range p.Warnings {
		if w := &p.Warnings[i]; w.Code == report.RemarkDefaultGone {
			return surprise(w)
		}
	}
	return ""
}

// onlySome says that some commands are refused, and the others are done.
func (p *tryPage) onlySome(refused []*report.TryCommand) string {
	first, done := refused[0], len(p.Commands)-len(refused)
	text := fmt.Sprintf("%s is refused (%s)", p.nth(first), cmp.Or(quotedWords(first), "not sent"))
	if n := len(refused) - 1; n > 0 {
		text = fmt.Sprintf("%d of %d commands are refused", n+1, len(p.Commands))
	}
	if done == 1 {
		return text + ", and the other is done all the same"
	}
	return text + ", and the others are done all the same"
}

// quotedWords are the words of who refuses.
func quotedWords(c *report.TryCommand) string {
	if c.Message == "" {
		return ""
	}
	return fmt.Sprintf("%q", c.Message)
}

// worst is what of all commands together surprises most.
func (p *tryPage) worst() string {
	if gone := p.defaultGone(); gone != "" {
		return ", and " + gone
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		if len(c.Surprises) > 0 && c.Surprises[0].Code != report.RemarkSplit {
			return "; but " + p.ofCommand(c, surprise(&c.Surprises[0]))
		}
	}
	if share := p.defaultShare(); share != "" {
		return ", and " + share
	}
	if p.Moves.Len() == 0 {
		if p.OthersMay {
			return ", and nothing changes for packets without a mark or source of their own"
		}
		return ", and no destination is decided differently"
	}
	return ""
}

// ofCommand says of which command a sentence is, where there are several.
func (p *tryPage) ofCommand(c *report.TryCommand, text string) string {
	if len(p.Commands) == 1 {
		return text
	}
	if rest, ok := strings.CutPrefix(text, "it "); ok {
		return p.nth(c) + " " + rest
	}
	return text
}

// defaultShare says where what default routes carry moves; empty: it stays.
func (p *tryPage) defaultShare() string {
	list := sums(p.Shares())
	if len(list) == 0 || !list[0].ofDefault {
		return ""
	}
	return fmt.Sprintf("%s move from %s to %s", addresses(list[0].size), list[0].before, list[0].after)
}

// nth names a command by its line, or by its place.
func (p *tryPage) nth(c *report.TryCommand) string {
	at := slices.IndexFunc(p.Commands, func(x report.TryCommand) bool { return x.Line == c.Line && x.Command == c.Command })
	lines := map[int]bool{}
	for i := range p.Commands {
		lines[p.Commands[i].Line] = true
	}
	if len(lines) == len(p.Commands) {
		return fmt.Sprintf("line %d", c.Line)
	}
	return fmt.Sprintf("command %d", at+1)
}

// commandText is a command fit for a terminal, on one line.
func commandText(s string) string {
	return iproute2.Safe(strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " "))
}

// oneCommand is the answer where there is one command.
func (p *tryPage) oneCommand(c *report.TryCommand) string {
	switch {
	case c.Unknown:
		return "whether it is accepted cannot be told: " + iproute2.Safe(c.Message)
	case !c.Accepted && c.By != "kernel":
		return fmt.Sprintf("%s refuses it and sends nothing: %s", iproute2.Safe(c.By), iproute2.Safe(c.Message))
	case !c.Accepted:
		return "refused: " + refusalWords(c)
	case c.Reads:
		return "it only shows something, and changes nothing"
	}
	if gone := p.defaultGone(); gone != "" {
		return "accepted, and " + gone
	}
	for i := range c.Surprises {
		if f := &c.Surprises[i]; f.Code != report.RemarkSplit {
			return "accepted, but " + surprise(f)
		}
	}
	return "accepted: " + p.effect(c)
}

// effect says what an accepted command changes.
func (p *tryPage) effect(c *report.TryCommand) string {
	text, same, nothing := "", p.Moves.Len() == 0, "no destination is decided differently"
	if p.OthersMay {
		nothing = "nothing changes for packets without a mark or source of their own"
	}
	switch {
	case c.Removed == 1 && c.Added == 1:
		text = fmt.Sprintf("%s takes the place of %s", routeWords(&c.AddedRoutes[0]), routeWords(&c.RemovedRoutes[0]))
	case c.Added == 1 && c.Removed == 0:
		text = "it adds " + routeWords(&c.AddedRoutes[0])
	case c.Removed == 1 && c.Added == 0:
		text = "it takes " + routeWords(&c.RemovedRoutes[0]) + " away"
	case c.Added > 0 || c.Removed > 0:
		var parts []string
		if c.Removed > 0 {
			parts = append(parts, count(c.Removed, "route")+" go")
		}
		if c.Added > 0 {
			parts = append(parts, count(c.Added, "route")+" come")
		}
		text = strings.Join(parts, ", ")
	case same:
		return "no route changes, and " + nothing
	default:
		return "no route changes, but destinations are decided differently"
	}
	if same {
		text += "; " + nothing
	}
	return text
}

// places shows where in the command the word is that a program refuses.
func (p *tryPage) places() {
	if len(p.Commands) != 1 {
		return
	}
	c := &p.Commands[0]
	plainText := !strings.ContainsFunc(c.Command, func(r rune) bool { return r < ' ' || r > '~' })
	if c.Accepted || c.By == "kernel" || c.End <= c.Start || c.End > len(c.Command) || !plainText {
		return
	}
	p.line("  " + c.Command)
	p.line("  " + strings.Repeat(" ", c.Start) + p.st.paint(yellow, strings.Repeat("^", c.End-c.Start)))
}

// instead writes the commands that may be meant.
func (p *tryPage) instead() {
	label := "instead"
	width := 0
	for i := range p.Commands {
		for _, x := range p.Commands[i].Instead {
			width = max(width, textWidth(x.Command))
		}
	}
	for i := range p.Commands {
		for _, x := range p.Commands[i].Instead {
			text := iproute2.Safe(x.Command)
			words := insteadWords(x.Code)
			if labelWidth+width+2+textWidth(words) <= p.st.width() {
				p.line("  " + pad(label, labelWidth-2) + pad(text, width) + "  " + words)
			} else {
				p.line("  " + pad(label, labelWidth-2) + text)
				p.line(strings.Repeat(" ", labelWidth+2) + words)
			}
			label = ""
		}
	}
}

// commandList writes what becomes of each of several commands.
func (p *tryPage) commandList() {
	if len(p.Commands) == 1 && len(p.NotReached) == 0 && len(p.PassedOver) == 0 {
		return
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		sign, tint, text := p.st.mark(markChosen), plain, ""
		switch {
		case c.Unknown:
			sign, tint, text = "?", yellow, iproute2.Safe(c.Message)
		case !c.Accepted:
			sign, tint, text = p.st.mark(markUnusable), red, "refused: "+refusalWords(c)
		case c.Reads:
			text = "only shows"
		}
		p.aligned("  "+sign+" "+commandText(c.Command)+"  ", "  "+sign+" "+commandText(c.Command), text, tint)
	}
	for _, l := range p.PassedOver {
		p.line("  ? " + commandText(l.Command) + "  not understood, passed over")
	}
	for _, l := range p.NotReached {
		p.line("  " + p.st.mark(markLost) + " " + commandText(l.Command) + "  not reached")
	}
	p.blank()
}

// tryNotes writes what surprises and was not said in the first line.
func (p *tryPage) tryNotes() {
	said := p.headline()
	note := func(text string) {
		if text != "" && !strings.Contains(said, text) {
			p.detail("note", text, yellow)
		}
	}
	for i := range p.Warnings {
		w := &p.Warnings[i]
		compared := w.Code == report.RemarkSelected && w.Ask != nil && asking(w.Ask) == "" // such packets were
		if !compared && (w.Code != report.RemarkDeleteAlone || !strings.Contains(said, "all the same")) {
			note(surprise(w))
		}
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		if c.Warning != "" {
			note("ip says: " + iproute2.Safe(strings.TrimPrefix(c.Warning, "Warning: ")))
		}
		for k := range c.Surprises {
			note(p.ofCommand(c, surprise(&c.Surprises[k])))
		}
	}
	if len(p.PassedOver) > 0 {
		note("what other programs would change is not known here")
	}
}

// answers writes the destinations that were asked about, before and after.
func (p *tryPage) answers() {
	for i := range p.Answers {
		a := &p.Answers[i]
		if len(p.Answers) > 1 && !a.Differs && a.Before.Disposition == lookup.DispositionNoRoute && isDefault(a.Query.Label) {
			continue // the family that has no default, before and after
		}
		subject := told{&report.Explanation{Query: a.Query, Decision: a.Before}}.subject()
		p.blank()
		switch {
		case a.ExplainedBefore != nil && a.ExplainedAfter != nil && p.st.Verbose:
			p.explained("before", a.ExplainedBefore)
			p.explained("after", a.ExplainedAfter)
		case !a.Differs:
			p.line(subject + " stays: it " + answerWords(a, &a.After))
		default:
			p.line(subject)
			p.block("  before  ", answerWords(a, &a.Before), plain)
			p.block("  after   ", answerWords(a, &a.After), plain)
		}
	}
}

func isDefault(prefix string) bool { return prefix == "0.0.0.0/0" || prefix == "::/0" }

// answerWords is the verdict about one of the two decisions.
func answerWords(a *report.TryAnswer, d *report.Decision) string {
	return told{&report.Explanation{Query: a.Query, Decision: *d}}.verdict()
}

// explained writes an explanation as it is without commands.
func (p *tryPage) explained(when string, e *report.Explanation) {
	p.line(p.st.paint(bold, when+": "+told{e}.headline()))
	p.blank()
	p.asks(told{e})
	p.reverse(told{e})
	p.details(told{e}, true)
	p.blank()
}

// shift are ranges with the same way before and after.
type shift struct {
	before, after string
	size          *big.Int
	ofDefault     bool
}

// maxMoves is how many moves are shown without -v.
const maxMoves = 4

// moves writes how much is decided differently, the default route's share first.
func (p *tryPage) moves() {
	p.blank()
	if p.st.Verbose {
		d := p.Moved()
		all := d.Moves()
		for i := range all[:min(len(all), maxShown)] {
			p.move(d, &all[i])
		}
		p.blank()
		return
	}
	list := sums(p.Shares())
	label := "moves"
	for i, m := range list {
		if i == maxMoves {
			p.line("  " + pad("", labelWidth-2) + fmt.Sprintf("and %d more (-v)", len(list)-i))
			break
		}
		text := fmt.Sprintf("%s from %s to %s", addresses(m.size), m.before, m.after)
		if m.ofDefault {
			text += ", the default route's share"
		}
		p.detail(label, text, plain)
		label = ""
	}
}

// sums joins moves that are alike in words.
func sums(all []report.Share) []*shift {
	var list []*shift
	for i := range all {
		x := &all[i]
		if x.Special() {
			continue // these go with the default route, and -v tells of them
		}
		before, after := x.Before, x.After
		one := shift{ledTo(before, false), ledTo(after, false), x.Size, before.Default || after.Default}
		if one.before == one.after {
			one.before, one.after = ledTo(before, true), ledTo(after, true)
		}
		if one.before == one.after && before.Disposition != after.Disposition {
			one.before, one.after = one.before+kindAside(before), one.after+kindAside(after)
		}
		if one.before == one.after {
			one.before, one.after = one.before+sourceAside(before), one.after+sourceAside(after)
		}
		at := slices.IndexFunc(list, func(m *shift) bool {
			return m.before == one.before && m.after == one.after && m.ofDefault == one.ofDefault
		})
		if at < 0 {
			list = append(list, &one)
		} else {
			list[at].size = new(big.Int).Add(list[at].size, one.size)
		}
	}
	slices.SortStableFunc(list, func(a, b *shift) int {
		if a.ofDefault != b.ofDefault {
			if a.ofDefault {
				return -1
			}
			return 1
		}
		return b.size.Cmp(a.size)
	})
	return list
}

// kindAside says that a packet is no unicast one.
func kindAside(d *report.Decision) string {
	if d.Disposition == lookup.DispositionUnicast {
		return ""
	}
	return " as " + d.Disposition.String()
}

// sourceAside names the source, where nothing else differs.
func sourceAside(d *report.Decision) string {
	if !d.Src.IsValid() {
		return ""
	}
	return " from " + d.Src.String()
}

// ledTo is where a decision leads to, in a few words; with the gateways where they
// are asked for.
func ledTo(d *report.Decision, gateways bool) string {
	switch d.Disposition {
	case lookup.DispositionUnicast, lookup.DispositionMulticast, lookup.DispositionBroadcast:
		if gateways {
			return strings.TrimPrefix(eitherWay(d), "via ")
		}
		var devs []string
		for _, h := range liveWays(d) {
			if dev := iproute2.Safe(h.Dev); !slices.Contains(devs, dev) {
				devs = append(devs, dev)
			}
		}
		return strings.Join(devs, " or ")
	case lookup.DispositionLocal, lookup.DispositionAnycast:
		return "this host"
	case lookup.DispositionNoRoute:
		return "no route"
	case lookup.DispositionUnknown:
		return "what cannot be decided"
	}
	return "a refusal (" + d.Disposition.String() + ")"
}
