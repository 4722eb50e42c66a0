package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// firstLine is the answer. If the caller's session would be lost, it says that first.
func (p *tryPage) firstLine() string {
	lost := ""
	for i := range p.Sockets {
		s := &p.Sockets[i]
		switch {
		case !s.Yours || !s.Lost && (!s.MayBeLost || lost != ""):
		case s.MayBeLost:
			lost = sessionName(s) + " may be lost"
		case lost == "":
			lost = sessionName(s) + " would be lost"
		default: // the lines below name each of them
			lost = "ssh sessions would be lost"
		}
	}
	between := ": "
	if s := p.Swallowed(); s != nil && lost == "" {
		lost, between = fmt.Sprintf("%s would carry its own packets, and stop", iproute2.Safe(s.Carries)), "; "
	}
	if f := p.Looping(); f != nil && lost == "" {
		lost, between = fmt.Sprintf("%s would carry its own packets, and stop", name(f.Have)), "; "
	}
	if lost == "" {
		lost, between = p.unreached(), "; "
	}
	switch head := p.headline(); {
	case lost == "":
		return head
	case len(p.Commands) == 1 && len(p.NotReached) == 0:
		return lost + ". The command is " + head
	default:
		return lost + between + head
	}
}

// unreached names the destinations that had a usable answer before and have none afterwards;
// empty: there are none.
func (p *tryPage) unreached() string {
	var ended []*report.TryAnswer
	for i := range p.Answers {
		if a := &p.Answers[i]; a.Ends() {
			ended = append(ended, a)
		}
	}
	if len(ended) == 0 {
		return ""
	}
	e := told{&report.Explanation{Query: ended[0].Query, Decision: ended[0].After}}
	text := e.subject()
	if n := len(ended) - 1; n > 0 {
		text += fmt.Sprintf(" and %s more", numeral(n))
	}
	switch {
	case e.Disposition == lookup.DispositionUnknown:
		return "what becomes of " + text + " is not known"
	case len(ended) > 1:
	case e.Disposition == lookup.DispositionNoRoute:
		return text + " would have no route"
	case !e.Disposition.Success():
		return text + " would be refused"
	case ended[0].ReceivedAfter != nil:
		return text + " would be" + strings.TrimPrefix(seenOn(&ended[0].ReceivedAfter.Reason), "is")
	case e.wayOut() != "" && isDefault(ended[0].Query.Label):
		return "the default route " + text + " would not work" + strings.Replace(e.wayOut(), ", but ", ": ", 1)
	case e.wayOut() != "":
		return text + " would not be reached" + strings.Replace(e.wayOut(), ", but ", ": ", 1)
	}
	return text + " would not be reached"
}

// headline is the answer in one sentence, without the caller's session.
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
	switch {
	case len(p.Commands) > 0:
	case len(p.PassedOver) > 0:
		return "none of these commands is understood: what they would do is not known"
	default:
		return "no command is reached, and nothing changes"
	}
	if len(refused) == 0 {
		text := fmt.Sprintf("all %s commands are accepted", numeral(len(p.Commands)))
		switch len(p.Commands) {
		case 1:
			text = "the one command that is reached is accepted"
		case 2:
			text = "both commands are accepted"
		}
		return text + p.provided() + p.worst()
	}
	first := refused[0]
	text := fmt.Sprintf("%s is refused: %s", p.nth(first), refusalWords(first))
	if n := len(refused) - 1; n > 0 {
		text = fmt.Sprintf("%d of %d commands are refused; %s: %s", n+1, len(p.Commands), p.nth(first), refusalWords(first))
	}
	switch done := len(p.Commands) - len(refused); {
	case len(p.NotReached) > 0 && first != &p.Commands[len(p.Commands)-1]: // of `a && b; c`
		text += "; a command that is joined to one that fails is not made"
	case len(p.NotReached) > 0 && done == 0:
		text += "; the commands after it are not made"
	case len(p.NotReached) > 0:
		text += "; those before it are done, and those after it are not made"
	case done > 0:
		text += p.worst()
	}
	return text
}

// defaultGone says which family loses its default route; empty: none loses it.
func (p *tryPage) defaultGone() string {
	for i := range p.Warnings {
		if w := &p.Warnings[i]; w.Code == report.RemarkDefaultGone {
			return surprise(w)
		}
	}
	return ""
}

// onlySome says that some commands are refused and the others are done.
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

// quotedWords are the words of the program or kernel that refuses.
func quotedWords(c *report.TryCommand) string {
	if c.Message == "" {
		return ""
	}
	return fmt.Sprintf("%q", c.Message)
}

// worst is the most surprising effect of all commands together.
func (p *tryPage) worst() string {
	if gone := p.defaultGone(); gone != "" {
		return ", and " + gone
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		if f := p.striking(c); f != nil {
			return "; but " + p.ofCommand(c, surprise(f))
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

// ofCommand says which command a sentence is about, if there are several.
func (p *tryPage) ofCommand(c *report.TryCommand, text string) string {
	if len(p.Commands) == 1 {
		return text
	}
	if rest, ok := strings.CutPrefix(text, "it "); ok {
		return p.nth(c) + " " + rest
	}
	return text
}

// defaultShare says where the traffic of the default routes moves; empty: it does not
// move.
func (p *tryPage) defaultShare() string {
	list := sums(p.Shares())
	if len(list) == 0 || !list[0].ofDefault {
		return ""
	}
	return fmt.Sprintf("%s move from %s to %s", addresses(list[0].size), list[0].before, list[0].after)
}

// nth names a command by its line number, or by its position.
func (p *tryPage) nth(c *report.TryCommand) string {
	lines := map[int]bool{}
	for i := range p.Commands {
		lines[p.Commands[i].Line] = true
	}
	if len(lines) == len(p.Commands) {
		return fmt.Sprintf("line %d", c.Line)
	}
	return fmt.Sprintf("command %d", c.Position)
}

// oneCommand is the answer if there is only one command.
func (p *tryPage) oneCommand(c *report.TryCommand) string {
	switch {
	case c.Unknown:
		return "whether it is accepted cannot be told: " + iproute2.Safe(c.Message)
	case !c.Accepted && c.By != "kernel":
		return fmt.Sprintf("%s refuses it and sends nothing: %s", iproute2.Safe(c.By), iproute2.Safe(c.Message))
	case !c.Accepted && slices.ContainsFunc(c.Surprises, func(f report.Finding) bool { return f.Code == report.RemarkPartly }):
		return "refused in part: " + refusalWords(c)
	case !c.Accepted:
		return "refused: " + refusalWords(c)
	case c.Reads:
		return "it only shows something, and changes nothing"
	}
	text := "accepted" + p.provided()
	if gone := p.defaultGone(); gone != "" {
		return text + ", and " + gone
	}
	if f := p.striking(c); f != nil {
		return text + ", but " + surprise(f)
	}
	return text + ": " + p.effect(c)
}

// striking is the first of a command's surprises that belongs into the first line; nil: none
// does.
func (p *tryPage) striking(c *report.TryCommand) *report.Finding {
	for i := range c.Surprises {
		if f := &c.Surprises[i]; f.Code != report.RemarkSplit && f.Code != report.RemarkKind {
			return f
		}
	}
	return nil
}

// provided says on which kinds of devices it depends whether the commands are accepted; empty:
// on none.
func (p *tryPage) provided() string {
	var kinds []string
	for i := range p.Commands {
		for k := range p.Commands[i].Surprises {
			f := &p.Commands[i].Surprises[k]
			if kind := name(f.Want); f.Code == report.RemarkKind && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return " if this kernel has devices of type " + strings.Join(kinds, " and ")
}

// effect says what an accepted command changes.
func (p *tryPage) effect(c *report.TryCommand) string {
	text, same, nothing := "", p.Moves.Len() == 0, "no destination is decided differently"
	if p.OthersMay {
		nothing = "nothing changes for packets without a mark or source of their own"
	}
	switch {
	case c.Removed == 1 && c.Added == 1 && routeWords(&c.AddedRoutes[0]) == routeWords(&c.RemovedRoutes[0]): // its lifetime, or a carrier
		text = "it changes " + routeWords(&c.AddedRoutes[0])
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
		return p.asked("no route changes", nothing)
	default:
		return p.asked("no route changes, but destinations are decided differently", "")
	}
	if same {
		text += "; " + nothing
	}
	return text
}

// asked puts what becomes of a destination that was asked about before what becomes of the
// routes, which rules move without a change.
func (p *tryPage) asked(routes, nothing string) string {
	for i := range p.Answers {
		if a := &p.Answers[i]; a.Differs && len(p.Answers) == 1 {
			return told{&report.Explanation{Query: a.Query, Decision: a.Before}}.subject() + " is decided differently (no route changes)"
		}
	}
	if nothing != "" {
		routes += ", and " + nothing
	}
	return routes
}
