package text

import (
	"cmp"
	"encoding/json"
	"io"

	"routewhy/lookup/report"
)

// WriteJSON writes the answers to all questions as one JSON array.
func WriteJSON(w io.Writer, answers []any) error {
	for _, a := range answers {
		switch a := a.(type) {
		case *report.Explanation:
			Annotate(a)
		case *report.Prefix:
			annotatePrefix(a)
		case *report.Zero:
			annotateZero(a)
		}
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(answers)
}

// WriteTurnJSON writes a report of --watch as a JSON object on one line.
func WriteTurnJSON(w io.Writer, t *report.Turn) error {
	for _, e := range []*report.Explanation{t.Before, t.After, t.Full} {
		if e != nil {
			Annotate(e)
		}
	}
	for i := range t.Because {
		t.Because[i].Object.Text, _ = objectText(&t.Because[i].Object)
	}
	return encoder(w).Encode(t)
}

func encoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// Annotate adds to each finding of a report its text as a sentence.
func Annotate(r *report.Explanation) {
	e := told{r}
	for i := range r.Assumptions {
		a := &r.Assumptions[i]
		a.Text = cmp.Or(fieldWords(a), factWords(a))
	}
	for i := range r.Warnings {
		r.Warnings[i].Text = e.finding(&r.Warnings[i])
	}
	causes := caused{e, &report.Causes{Errno: programErrno(&r.Decision)}}
	for i := range r.Causes {
		r.Causes[i].Text = causes.cause(&r.Causes[i])
	}
	if r.SourceLookup != nil {
		Annotate(r.SourceLookup)
	}
	for _, part := range r.BySource {
		Annotate(part)
	}
	if r.Reply == nil {
		return
	}
	r.Reply.Text = e.replyText()
	for _, back := range r.Reply.Answers {
		Annotate(&back.Explanation)
	}
}

// replyText is the verdict about the way back, as a sentence.
func (e told) replyText() string {
	if len(e.Reply.Answers) == 0 {
		return "no answer: " + e.noAnswer()
	}
	return e.symmetry()
}
