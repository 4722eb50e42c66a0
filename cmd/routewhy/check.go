package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"routewhy/cmd/routewhy/internal/manual"
	"routewhy/cmd/routewhy/internal/schema"
	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/check"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// checks looks for what is wrong on a host, or lists the checks that exist.
func checks(ctx context.Context, o *options, s stdio) error {
	if o.list {
		return o.writeChecks(o.checks, s)
	}
	if o.metrics != "" && o.json {
		return usagef("--metrics and --json are two ways to print what was found: one at a time")
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	if o.metrics != "" {
		return o.writeMetrics(ctx, host, s)
	}
	var c *report.Check
	w, err := report.Steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		c, err = report.AskCheck(ctx, host, o.family, o.resolvers(), o.checks)
		return false, err
	})
	if err != nil {
		return err
	}
	defer w.Close()
	c.Changing = c.Changing || w.Changing()
	text.AnnotateCheck(c)
	s.tell(c)
	if o.json {
		err = text.CheckJSON(s.Stdout, c)
	} else {
		err = text.Check(s.Stdout, c, o.style(s))
	}
	if status := c.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// resolvers are the name servers of this host. It is nil if the facts are from another
// host or from another namespace, or if no file names the servers.
func (o *options) resolvers() []netip.Addr {
	if len(o.load) > 0 || o.netns != "" {
		return nil
	}
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []netip.Addr
	for lines := bufio.NewScanner(io.LimitReader(f, 1<<16)); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) < 2 || w[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(w[1]); err == nil {
			out = append(out, a.Unmap().WithZone(""))
		}
	}
	return out
}

// explainCheck tells what a check is about.
func explainCheck(_ context.Context, o *options, s stdio) error { return o.writeChecks(o.checks, s) }

func (o *options) writeChecks(all []check.Check, s stdio) error {
	entries := report.CheckEntries(all)
	switch {
	case o.json:
		return text.CheckEntriesJSON(s.Stdout, entries)
	case o.list:
		return text.ListChecks(s.Stdout, entries, o.style(s))
	}
	return text.ExplainChecks(s.Stdout, entries, o.style(s))
}

// checkHint says which check an ID that does not exist may mean: one that has the same
// number.
func checkHint(id string) string {
	const all = "routewhy --check --list lists the checks"
	digits := strings.TrimLeft(strings.ToUpper(id), "RW-_ ")
	n, err := strconv.ParseUint(digits, 10, 16)
	if c, ok := check.Find(fmt.Sprintf("RW%03d", n)); err == nil && ok {
		return "did you mean " + c.ID + " (" + c.Title + ")? " + all
	}
	return all
}

// parseExplained understands what --explain is asked about: a check by its ID, or a word by
// which JSON says something: the code of a finding or of a reason.
func parseExplained(id string) ([]check.Check, error) {
	word := strings.ToLower(id)
	if _, ok := check.Find(strings.ToUpper(id)); ok {
		return parseChecks([]string{id})
	}
	var out []check.Check
	kind, found := report.KindOf(lookup.Code(word))
	for _, m := range schema.Meanings(word) {
		if found && m.List == "" {
			out = append(out, explainedKind(&kind, m.Text))
			continue
		}
		title := cmp.Or(manual.GroupOf(word, m.Text), m.List, "what an answer rests on")
		out = append(out, check.Check{ID: word, Title: strings.ToUpper(title[:1]) + title[1:], Doc: m.Text})
	}
	if len(out) == 0 {
		return nil, usagef("there is no check and no code %s", iproute2.Quote(id)).hint("%s", codeHint(id))
	}
	return out, nil
}

// explainedKind is a finding of another mode than --check. The text is what JSON means by it.
func explainedKind(k *report.Kind, text string) check.Check {
	severity := check.Severity(k.Severity)
	if k.Severity == report.SeverityInfo {
		severity = check.Notice
	}
	doc := k.Explanation
	if _, operands, ok := strings.Cut(text, k.Title+": "); ok {
		doc += " In JSON: " + operands + "."
	}
	return check.Check{ID: string(k.Code), Title: k.Title, Severity: severity, Doc: doc}
}

// codeHint says which code a word that is none may mean.
func codeHint(word string) string {
	hint := checkHint(word)
	if strings.HasPrefix(hint, "did you mean") {
		return hint
	}
	if near := nearestWord(word, schema.Words()); near != "" {
		return "did you mean " + near + "?"
	}
	return hint + "; the manual has the codes of JSON"
}

// parseChecks understands the IDs of checks; without IDs it returns all checks.
func parseChecks(ids []string) ([]check.Check, error) {
	if len(ids) == 0 {
		return check.All(), nil
	}
	var out []check.Check
	for _, id := range ids {
		c, ok := check.Find(strings.ToUpper(id))
		if !ok {
			return nil, usagef("there is no check %s", iproute2.Quote(id)).hint("%s", checkHint(id))
		}
		if !slices.ContainsFunc(out, func(o check.Check) bool { return o.ID == c.ID }) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b check.Check) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
