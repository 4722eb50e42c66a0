package text

import (
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// hostile is a name that would do harm if it were not escaped.
const hostile = "\"'><script>alert(1)</script>\x1b]0;x\x07\x00&\ufffe\xff"

func hostileAnswer() *report.Explanation {
	way := report.NextHop{Gateway: netip.MustParseAddr("192.0.2.1"), Dev: hostile, Share: 1}
	r := iproute2.Route{Dst: "0.0.0.0/0", Type: "unicast", Table: hostile, Gateway: "192.0.2.1", Dev: hostile}
	return &report.Explanation{
		Query: report.Query{
			Dst: netip.MustParsePrefix("8.8.8.8/32"), Label: hostile, Oif: hostile, Given: []lookup.Field{lookup.FieldOif},
		},
		Decision: report.Decision{Disposition: lookup.DispositionUnicast, Default: true, Route: &r, NextHops: []report.NextHop{way}},
		Trace: []report.RuleTrial{{
			Rule: iproute2.Rule{Priority: 5, Table: hostile, Iif: hostile}, Verdict: lookup.VerdictMatch, Table: hostile,
			Candidates: []report.Candidate{{Route: r, Verdict: lookup.VerdictChosen, Reason: report.Reason{Code: lookup.CodeOnlyDefault}}},
		}},
	}
}

// TestPictureHostile checks that no name from outside becomes an element or an attribute
// of a picture.
func TestPictureHostile(t *testing.T) {
	var b strings.Builder
	if err := Picture(&b, []*report.Explanation{hostileAnswer()}); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "svg", "title", "style", "rect", "text", "path":
		default:
			t.Errorf("there is an element %s", start.Name.Local)
		}
		for _, a := range start.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "alert") {
				t.Errorf("%s has the attribute %s=%q", start.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

// TestWebPageHostile checks that a page has no script and refers to nothing outside.
func TestWebPageHostile(t *testing.T) {
	p := WebPage{Command: hostile, By: hostile, Text: "\x1b[1m" + hostile + "\x1b[0m\n", Facts: hostile, Decisions: []*report.Explanation{hostileAnswer()}}
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "\x1b", "\x00", "\x07", "src=", "href=", "url(", "@import"} {
		if strings.Contains(strings.ToLower(b.String()), bad) {
			t.Errorf("the page contains %q:\n%s", bad, b.String())
		}
	}
}
