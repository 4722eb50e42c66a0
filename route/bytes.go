package route

import (
	"strings"
	"unicode/utf8"
)

// Names are bytes to the kernel, and JSON is text. In a file, a byte that is part of
// no character of UTF-8 is written as the character byteMark+byte, which no name has:
// one that has is written byte by byte the same way. So every name comes back as it was,
// and two that differ in such bytes alone stay two.
const byteMark = 0x10ff00

// toText writes a name as it is in a file.
func toText(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, isMarked) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 || isMarked(r) {
			for i := range n {
				b.WriteRune(byteMark + rune(name[i]))
			}
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}

// fromText reads it.
func fromText(text string) string {
	if !strings.ContainsFunc(text, isMarked) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isMarked(r) {
			b.WriteByte(byte(r - byteMark))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isMarked(r rune) bool { return r >= byteMark }

// withNames is the snapshot with all names that are somebody's own choice rewritten,
// and nothing that it shares with the other one changed.
func (s *Snapshot) withNames(f func(string) string) *Snapshot {
	out := *s
	out.Links = rewritten(s.Links, func(l *Link) { l.Name, l.Kind = f(l.Name), f(l.Kind) })
	out.Addrs = rewritten(s.Addrs, func(a *Addr) { a.Label = f(a.Label) })
	out.Rules = rewritten(s.Rules, func(r *Rule) { r.Selector.In, r.Selector.Out = f(r.Selector.In), f(r.Selector.Out) })
	out.Sockets = rewritten(s.Sockets, func(x *Socket) {
		x.Owners = rewritten(x.Owners, func(p *Process) { p.Name = f(p.Name) })
	})
	out.Names = Names{rewrittenMap(s.Names.Tables, f), rewrittenMap(s.Names.Protocols, f)}
	if s.Sysctls != nil {
		out.Sysctls = make(Sysctls, len(s.Sysctls))
		for path, value := range s.Sysctls {
			out.Sysctls[f(path)] = f(value)
		}
	}
	return &out
}

// restoreNames undoes what toText did, in place: nobody else has what was read. Settings
// are restored as they are read.
func (s *Snapshot) restoreNames() {
	for i := range s.Links {
		s.Links[i].Name, s.Links[i].Kind = fromText(s.Links[i].Name), fromText(s.Links[i].Kind)
	}
	for i := range s.Addrs {
		s.Addrs[i].Label = fromText(s.Addrs[i].Label)
	}
	for i := range s.Rules {
		sel := &s.Rules[i].Selector
		sel.In, sel.Out = fromText(sel.In), fromText(sel.Out)
	}
	for i := range s.Sockets {
		for k := range s.Sockets[i].Owners {
			p := &s.Sockets[i].Owners[k]
			p.Name = fromText(p.Name)
		}
	}
	for t, name := range s.Names.Tables {
		s.Names.Tables[t] = fromText(name)
	}
	for p, name := range s.Names.Protocols {
		s.Names.Protocols[p] = fromText(name)
	}
}

func rewritten[T any](all []T, f func(*T)) []T {
	if all == nil {
		return nil
	}
	out := append(make([]T, 0, len(all)), all...)
	for i := range out {
		f(&out[i])
	}
	return out
}

func rewrittenMap[K comparable](names map[K]string, f func(string) string) map[K]string {
	if names == nil {
		return nil
	}
	out := make(map[K]string, len(names))
	for k, name := range names {
		out[k] = f(name)
	}
	return out
}
