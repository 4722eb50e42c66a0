package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// runDrawn runs a mode, and then writes its answer as a page and as a picture (--html,
// --svg). If there is no answer, it writes neither.
func runDrawn(ctx context.Context, args []string, o *options, s stdio) error {
	k := &kept{stdout: s.Stdout, told: s.Told}
	s.Stdout, s.Told = k, k.report
	err := o.run(ctx, o, s)
	if silent := statusError(0); err != nil && !errors.As(err, &silent) {
		return err
	}
	if o.svg != "" && len(k.decisions)+len(k.maps) == 0 {
		return errors.New("--svg draws what becomes of packets, and there is none")
	}
	if o.svg != "" {
		draw := func(w io.Writer) error { return text.Picture(w, k.decisions) }
		if len(k.maps) > 0 {
			draw = func(w io.Writer) error { return text.MapPicture(w, k.maps) }
		}
		if err := writeFile(ctx, o.svg, 0o666, draw); err != nil {
			return fmt.Errorf("--svg: %w", err)
		}
	}
	if o.html != "" {
		page := k.page(args)
		if err := writeFile(ctx, o.html, 0o666, page.Write); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	return err
}

const (
	// maxPage is how many bytes of text, and of JSON, a page has.
	maxPage = 4 << 20
	// maxPictures is how many decisions are drawn.
	maxPictures = 32
)

// kept is what a mode printed and reported.
type kept struct {
	stdout io.Writer
	told   func(any)
	text   bytes.Buffer
	cut    bool
	facts  [][]byte
	size   int
	// heading is what stands over the page; empty: the first line of the answer.
	heading   func(printed string) string
	decisions []*report.Explanation
	maps      []*report.Coverage
}

func (k *kept) Write(b []byte) (int, error) {
	room := min(len(b), maxPage-k.text.Len())
	k.text.Write(b[:room])
	k.cut = k.cut || room < len(b)
	return k.stdout.Write(b)
}

// report keeps a report, as long as there is room.
func (k *kept) report(r any) {
	if k.told != nil {
		k.told(r)
	}
	if e, ok := r.(*report.Explanation); ok && len(k.decisions) < maxPictures {
		k.decisions = append(k.decisions, e)
	}
	if c, ok := r.(*report.Coverage); ok && c.Map != nil {
		k.maps = append(k.maps, c)
	}
	switch r.(type) {
	case *report.Check:
		k.heading = lastLine // the first is one finding of several
	case *report.Dump:
		k.heading = func(string) string { return "The routes of each table, in the order of the rules" }
		return
	}
	if k.size > maxPage {
		return
	}
	if c, ok := r.(*report.Coverage); ok && c.Routes.Len()+c.Unreached.Len() > 1<<12 {
		return
	}
	if d, ok := r.(*report.Diff); ok && d.Destinations.Len()+d.Objects.Len() > 1<<12 {
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil || k.size+b.Len() > maxPage {
		return
	}
	k.size += b.Len()
	k.facts = append(k.facts, b.Bytes())
}

func (k *kept) page(args []string) *text.WebPage {
	words := []string{"routewhy"}
	for _, a := range args {
		if strings.ContainsAny(a, " '\"$`\\;&|<>()*?#") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, iproute2.Safe(a))
	}
	p := &text.WebPage{
		Command: strings.Join(words, " "), By: programVersion() + ", " + time.Now().UTC().Format("2006-01-02 15:04:05 UTC"),
		Text: k.text.String(), Facts: string(bytes.Join(k.facts, nil)), Decisions: k.decisions, Maps: k.maps,
	}
	if k.heading != nil {
		p.Heading = k.heading(p.Text)
	}
	if k.cut {
		p.Text += "\n(the rest is left out)\n"
	}
	return p
}

// lastLine is the last line of a text.
func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}
