package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"

	"github.com/google/go-cmp/cmp"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
)

// roundTrip compares what is printed of a report with what is printed after the report
// was converted to JSON and back. It returns the difference; nil: there is none.
func roundTrip(r any) error {
	switch r := r.(type) {
	case *report.Explanation:
		return samePage(r, text.Explain)
	case *report.Prefix:
		return samePage(r, text.ExplainPrefix)
	case *report.Zero:
		return samePage(r, text.ExplainZero)
	case *report.Dump:
		return sameDump(r)
	case report.Line:
		return samePage(r.Explanation, func(w io.Writer, e *report.Explanation, _ text.Style) error {
			b := text.NewBatch(w, false, text.Style{})
			b.Add(e)
			return b.Flush()
		})
	case *report.Diff:
		return samePage(r, text.Diff)
	case *report.Coverage:
		return samePage(r, text.Coverage)
	case *report.Expected:
		return samePage(r, text.Expected)
	case *report.Try:
		return samePage(r, text.Try)
	case *report.Check:
		return samePage(r, text.Check)
	case *report.Turn:
		return samePage(r, func(w io.Writer, t *report.Turn, st text.Style) error {
			return text.NewWatch(w, st, nil).Turns([]*report.Turn{t})
		})
	case *report.Asker:
		return samePage(r, func(w io.Writer, a *report.Asker, _ text.Style) error { return text.Who(w, []*report.Asker{a}) })
	case *report.Listeners:
		return samePage(r, text.Listeners)
	case *report.WhyNot:
		return samePage(r, text.WhyNot)
	case *report.Unlike:
		return samePage(r, text.Unlike)
	case *report.Causes:
		return samePage(r, text.Causes)
	}
	return fmt.Errorf("round trip: nobody prints a %T", r)
}

// sameDump compares a dump with what its JSON holds. The JSON is written one row at a
// time. If the tables began to change in between, it compares once more, because both
// tell that.
func sameDump(d *report.Dump) error {
	for {
		var b bytes.Buffer
		if err := text.WriteDumpJSON(&b, d); err != nil {
			return err
		}
		changing := d.Changing
		if err := sameText(d, b.Bytes(), text.WriteDump); err == nil || d.Changing == changing {
			return err
		}
	}
}

func samePage[T any](r *T, print func(io.Writer, *T, text.Style) error) error {
	encoded, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("round trip: %w", err)
	}
	return sameText(r, encoded, print)
}

// sameText compares what is printed of a report and of its JSON.
func sameText[T any](r *T, encoded []byte, print func(io.Writer, *T, text.Style) error) error {
	back := new(T)
	if err := json.Unmarshal(encoded, back); err != nil {
		return fmt.Errorf("round trip: %w\n%s", err, encoded)
	}
	for _, st := range []text.Style{{Quiet: true}, {}, {Verbose: true, Width: 4000}, {Color: true, Unicode: true}} {
		var want, got bytes.Buffer
		if err := print(&want, r, st); err != nil {
			return err
		}
		if err := print(&got, back, st); err != nil {
			return err
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			return fmt.Errorf("round trip (-text of the report, +text of its JSON):\n%s\n%s", diff, encoded)
		}
		if code := codeIn(want.String(), r); code != "" && st.Width > 0 { // no line is wrapped
			return fmt.Errorf("the code %s is in the text:\n%s", code, want.String())
		}
	}
	return nil
}

// codeIn is a code of a report that appears in its text instead of words; empty: there
// is none. A code of one word is not found, because it may be an ordinary word.
func codeIn(text string, r any) string {
	codes := map[string]bool{}
	collect(reflect.ValueOf(r), codes)
	for _, m := range wholePhrase.FindAllStringSubmatch(text, -1) {
		if codes["Code "+m[1]] || codes["Shortcut "+m[1]] {
			return m[1]
		}
	}
	return ""
}

// wholePhrase is a word with hyphens that is all that is said.
var wholePhrase = regexp.MustCompile(`(?m)(?:  |: |\()([a-z0-9]+(?:-[a-z0-9]+)+)(?:$|[,;)]|  )`)
