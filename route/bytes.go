package route

import (
	"context"
	"strings"
	"unicode/utf8"
)

// For the kernel a name is bytes, but JSON is text. A byte that is not part of a valid
// UTF-8 character is written to a file as the character byteMark+byte. If a name itself
// contains such a character, the bytes of that character are written in the same way. So
// every name is read back unchanged, and two names that differ only in such bytes stay
// different.
const byteMark = 0x10ff00

// toText gives the form that a name has in a file.
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

// fromText gives the name back from the form that it has in a file.
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

// withNames returns a copy of the snapshot in which all names that somebody can choose
// are rewritten by f. The original snapshot is not changed.
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

// restoreNames undoes what toText did. It changes the snapshot in place, because nobody
// else uses what was just read. Settings are not included: they are restored when they
// are read.
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

// TextNames returns a source in whose snapshots all names are valid UTF-8, in the form that
// they have in a file: a byte that is not part of a valid character is the character
// U+10FF00 plus the byte. So two names stay different in JSON, too. Names that are valid,
// which are nearly all, do not change.
func TextNames(src Source) Source {
	if l, ok := src.(Limited); ok {
		return limitedNames{textNames{src}, l}
	}
	return textNames{src}
}

// TextName is the form that [TextNames] gives to one name.
func TextName(name string) string { return toText(name) }

type textNames struct{ Source }

type limitedNames struct {
	textNames
	Limited
}

// Read reads, and gives the names their form.
func (t textNames) Read(ctx context.Context, q Query) (*Snapshot, error) {
	s, err := t.Source.Read(ctx, q)
	if err != nil || !s.hasBytes() {
		return s, err
	}
	out := s.withNames(toText)
	out.Links = rewritten(out.Links, func(l *Link) {
		l.AltNames = rewritten(l.AltNames, func(name *string) { *name = toText(*name) })
	})
	return out, nil
}

// hasBytes reports whether some name differs from its form in a file.
func (s *Snapshot) hasBytes() bool {
	found := false
	s.withNames(func(name string) string {
		found = found || toText(name) != name
		return name
	})
	for i := range s.Links {
		for _, name := range s.Links[i].AltNames {
			found = found || toText(name) != name
		}
	}
	return found
}
