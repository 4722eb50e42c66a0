package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// codes reads the constants of a type out of a file of package lookup: block by
// block, each under the comment that stands over it.
func codes(t *testing.T, file, typ string) map[string][]string {
	f, err := parser.ParseFile(token.NewFileSet(), "../../../../lookup/"+file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != typ {
				continue
			}
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			key := strings.TrimSpace(g.Doc.Text())
			out[key] = append(out[key], s)
		}
	}
	return out
}

// TestEveryCodeHasWords: a code that reaches a reader as such is a fault.
func TestEveryCodeHasWords(t *testing.T) {
	say := map[string]func(report.Reason) string{
		"Why a rule did not match":              mismatchWords,
		"What became of a rule that matched":    func(r report.Reason) string { return ruleWords(&report.RuleTrial{Verdict: verdictFor(r), Reason: r}) },
		"Why a route won or lost":               func(r report.Reason) string { return candidateWords(&report.Candidate{Reason: r}) },
		"Why there is a set of ways":            uncertainWords,
		"Why a received packet's source passes": func(r report.Reason) string { return reverseWords(&report.ReversePath{Reason: r}, false) },
		"What decided about the source address": func(r report.Reason) string { return sourceWords(&report.Source{Reason: r}) },
	}
	exempt := map[lookup.Code]string{
		lookup.CodeTo:              "the selector itself says it",
		lookup.CodeUnknownSelect:   "said by uncertain",
		lookup.CodeMultipath:       "said by the headline and a note",
		lookup.CodeResilient:       "said by the headline and a note",
		lookup.CodeDefaultsTie:     "said by the headline and a note",
		lookup.CodeReversePathSome: "said by the headline",
		lookup.CodeMembership:      "said by uncertain",
		lookup.CodeGroupSources:    "said by uncertain",
		lookup.CodeSrcGiven:        "not shown: the user gave it",
		lookup.CodeSrcNone:         "said by the page",
		lookup.CodeSrcSecondary:    "said by sourceLoss", lookup.CodeSrcScope: "said by sourceLoss",
		lookup.CodeSrcNotSubnet: "said by sourceLoss",
		lookup.CodeSrcTentative: "said by sourceLoss",
	}
	for block, list := range codes(t, "reason.go", "Code") {
		f := sayer(say, block)
		if f == nil {
			t.Errorf("nobody puts the codes of %q into words", block)
			continue
		}
		for _, code := range list {
			c := lookup.Code(code)
			if exempt[c] != "" {
				continue
			}
			if text := f(report.NewReason(lookup.Reason{Code: c, Want: 1, Have: 2})); text == "" || text == code {
				t.Errorf("%s (%s) has no words", code, block)
			}
		}
	}
}

func sayer(say map[string]func(report.Reason) string, block string) func(report.Reason) string {
	for prefix, f := range say {
		if strings.HasPrefix(block, prefix) {
			return f
		}
	}
	return nil
}

// verdictFor is a verdict with which a code of a rule is used.
func verdictFor(r report.Reason) lookup.Verdict {
	switch r.Code {
	case lookup.CodeSuppressPrefix, lookup.CodeSuppressGroup:
		return lookup.VerdictSuppressed
	case lookup.CodeJumped, lookup.CodeAfter:
		return lookup.VerdictNotReached
	}
	return lookup.VerdictContinue
}

// TestEveryShortcutHasWords does the same for the places where the kernel
// decides without a route.
func TestEveryShortcutHasWords(t *testing.T) {
	s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp}}}
	f := lookup.New(s)
	flow := route.Flow{Dst: netip.MustParseAddr("192.0.2.1"), Src: netip.MustParseAddr("192.0.2.9"), In: 2, Out: 2}
	for _, list := range codes(t, "reason.go", "Shortcut") {
		for _, code := range list {
			d := lookup.Decision{
				Disposition: lookup.DispositionInvalid, Errno: route.EINVAL, Shortcut: lookup.Shortcut(code),
				NextHops: []lookup.NextHop{{Link: 2}}, HasRoute: code == string(lookup.ShortcutNotUnicast),
			}
			query := report.Query{Dst: netip.PrefixFrom(flow.Dst, 32), From: flow.Src, Iif: "eth0", Oif: "eth0"}
			e := told{&report.Explanation{Query: query, Decision: report.NewDecision(f, &flow, &d, nil)}}
			if strings.Contains(e.headline(), code) && !successful(lookup.Shortcut(code)) {
				t.Errorf("shortcut %s has no words: %s", code, e.headline())
			}
		}
	}
}

// successful says whether a shortcut delivers the packet, and so is not put
// into words as a refusal.
func successful(s lookup.Shortcut) bool {
	switch s {
	case lookup.ShortcutReversePath: // its words are its name
		return true
	case lookup.ShortcutZero, lookup.ShortcutOnLink, lookup.ShortcutGroupOut, lookup.ShortcutGroupSource,
		lookup.ShortcutBroadcastIn, lookup.ShortcutMulticastIn, lookup.ShortcutRouted:
		return true
	}
	return false
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{{1, "1 in 1"}, {0.25, "1 in 4"}, {0.75, "3 in 4"}, {1.0 / 3, "1 in 3"}, {0.123, "12.3 %"}} {
		if got := share(c.f); got != c.want {
			t.Errorf("%v: %s, want %s", c.f, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three four", 9), "|")
	if got != "one two|three|four" {
		t.Error(got)
	}
}
