package routetest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"routewhy/route"
)

// A file of scenarios is a txtar archive. The archive's comment says what the
// scenarios have in common. A part "base NAME" has the commands with which several
// set-ups begin; it may itself begin with another base. Each other part is a scenario,
// and its name is the scenario's name:
//
//	base NAME            (the set-up begins with those commands)
//	ip rule add ...      (and goes on with these)
//	get 8.8.8.8 oif v0   (the query)
//	= unicast table 254 dev v0 via 10.0.0.2 src 10.0.0.1
//	entry unicast 0.0.0.0/0 table 254
//	before 6.13 = EXDEV
//	packet = local table 10 dev lo
//
// If there are several lines with "=", the kernel gives any one of these answers. Lines
// with "before" are the answers of older kernels. "packet" is what happens to the packet
// itself, if that differs. A line that begins with # is a comment.

const basePart = "base "

// Load reads a file of scenarios. It is JSON if its name ends with .jsonl, and
// otherwise a txtar archive.
func Load(file string) ([]Scenario, error) {
	if filepath.Ext(file) == ".jsonl" {
		return loadJSON(file)
	}
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	bases := map[string]Setup{}
	var all []Scenario
	for _, part := range archive.Files {
		lines := strings.Split(strings.TrimSpace(string(part.Data)), "\n")
		s := Scenario{Name: part.Name}
		if err := s.parse(lines, bases); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, part.Name, err)
		}
		if name, ok := strings.CutPrefix(part.Name, basePart); ok {
			bases[name] = s.Setup
		} else {
			all = append(all, s)
		}
	}
	return all, nil
}

// LoadDir reads all scenario files (*.txtar) of a directory. There may be none.
func LoadDir(dir string) ([]Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, file := range files {
		s, err := Load(file)
		if err != nil {
			return nil, err
		}
		all = append(all, s...)
	}
	return all, nil
}

// parse reads the lines of a part.
func (s *Scenario) parse(lines []string, bases map[string]Setup) error {
	var answers []Expect
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "#":
		case "base":
			base, known := bases[rest]
			if !known || len(s.Setup) > 0 {
				err = errors.New("a base that is not there, or not first")
			}
			s.Setup = slices.Clone(base)
		case "get":
			s.Query = rest
			s.Family = route.IPv4
			if dst, _, _ := strings.Cut(rest, " "); strings.Contains(dst, ":") {
				s.Family = route.IPv6
			}
		case "=":
			var e Expect
			e, err = parseAnswer(rest)
			answers = append(answers, e)
		case "entry":
			s.Expect.Entry, err = parseEntry(rest)
		case "before":
			err = s.older(rest)
		case "packet":
			s.Packet = &Expect{}
			*s.Packet, err = parseAnswer(strings.TrimPrefix(rest, "= "))
		default:
			s.Setup = append(s.Setup, line)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	if isBase := strings.HasPrefix(s.Name, basePart); isBase != (s.Query == "") || isBase != (len(answers) == 0) {
		return errors.New("a scenario has a query and an answer, and a base has none")
	}
	entry := s.Expect.Entry
	s.Expect = Expect{Candidates: answers}
	if len(answers) == 1 {
		s.Expect = answers[0]
	}
	s.Expect.Entry = entry
	return nil
}

// older takes "6.13 = ANSWER". If one version has several answers, the kernel gives
// any one of them.
func (s *Scenario) older(text string) error {
	var o Older
	release, answer, _ := strings.Cut(text, " = ")
	if n, _ := fmt.Sscanf(release, "%d.%d", &o.Major, &o.Minor); n < 2 {
		return errors.New("a version is missing")
	}
	var err error
	if o.Expect, err = parseAnswer(answer); err != nil {
		return err
	}
	if n := len(s.Older); n > 0 && s.Older[n-1].Major == o.Major && s.Older[n-1].Minor == o.Minor {
		last := &s.Older[n-1].Expect
		if last.Candidates == nil {
			*last = Expect{Candidates: []Expect{*last}}
		}
		last.Candidates = append(last.Candidates, o.Expect)
		return nil
	}
	s.Older = append(s.Older, o)
	return nil
}

// parseAnswer reads the symbol of a refusal, or the type of a route and pairs of words.
func parseAnswer(text string) (Expect, error) {
	words := strings.Fields(text)
	if isErrno(text) {
		return Expect{Errno: text}, nil
	}
	var e Expect
	if len(words)%2 == 0 {
		return e, errors.New("want a type and pairs of words")
	}
	err := e.Type.UnmarshalText([]byte(words[0]))
	for w := words[1:]; len(w) > 0 && err == nil; w = w[2:] {
		switch w[0] {
		case "table":
			err = setNumber(&e.Table, w[1])
		case "dev":
			e.Dev = w[1]
		case "via":
			e.Gateway, err = netip.ParseAddr(w[1])
		case "src":
			e.Src, err = netip.ParseAddr(w[1])
		case "mtu":
			err = setNumber(&e.MTU, w[1])
		default:
			err = errors.New(w[0] + " is not known")
		}
	}
	return e, err
}

// isErrno reports whether an answer is the symbol of a refusal.
func isErrno(s string) bool { return strings.HasPrefix(s, "E") && !strings.Contains(s, " ") }

func parseEntry(text string) (*ExpectEntry, error) {
	words := strings.Fields(text)
	if isErrno(text) {
		return &ExpectEntry{Errno: text}, nil
	}
	e := &ExpectEntry{}
	if len(words) == 0 || len(words)%2 != 0 {
		return e, errors.New("want a type, a prefix and pairs of words")
	}
	err := e.Type.UnmarshalText([]byte(words[0]))
	if err == nil {
		e.Prefix, err = netip.ParsePrefix(words[1])
	}
	for w := words[2:]; len(w) > 0 && err == nil; w = w[2:] {
		switch w[0] {
		case "table":
			err = setNumber(&e.Table, w[1])
		case "metric":
			err = setNumber(&e.Metric, w[1])
		case "from":
			e.From, err = netip.ParsePrefix(w[1])
		case "tos":
			err = setNumber(&e.TOS, w[1])
		case "nexthops":
			e.NextHops, err = strconv.Atoi(w[1])
		case "nhid":
			err = setNumber(&e.NHID, w[1])
		default:
			err = errors.New(w[0] + " is not known")
		}
	}
	return e, err
}

func setNumber[T ~uint8 | ~uint32](to *T, text string) error {
	n, err := strconv.ParseUint(text, 0, 32)
	if *to = T(n); err == nil && uint64(*to) != n {
		err = errors.New(text + " is too large")
	}
	return err
}

// answerLines are the lines of a scenario's part that have the answer.
func (e *Expect) answerLines() []string {
	var out []string
	for _, c := range e.Candidates {
		out = append(out, "= "+c.answer())
	}
	if e.Candidates == nil {
		out = append(out, "= "+e.answer())
	}
	if e.Entry != nil {
		out = append(out, "entry "+e.Entry.text())
	}
	return out
}

func (e *Expect) answer() string {
	if e.Errno != "" {
		return e.Errno
	}
	p := pairs{e.Type.String()}
	p.add("table", e.Table, e.Table != 0)
	p.add("dev", e.Dev, e.Dev != "")
	p.add("via", e.Gateway, e.Gateway.IsValid())
	p.add("src", e.Src, e.Src.IsValid())
	p.add("mtu", e.MTU, e.MTU != 0)
	return strings.Join(p, " ")
}

func (e *ExpectEntry) text() string {
	if e.Errno != "" {
		return e.Errno
	}
	p := pairs{e.Type.String(), e.Prefix.String()}
	p.add("table", e.Table, true)
	p.add("metric", e.Metric, e.Metric != 0)
	p.add("from", e.From, e.From.IsValid())
	p.add("tos", fmt.Sprintf("%#x", e.TOS), e.TOS != 0)
	p.add("nexthops", e.NextHops, e.NextHops != 0)
	p.add("nhid", e.NHID, e.NHID != 0)
	return strings.Join(p, " ")
}

// pairs are words and their values.
type pairs []string

func (p *pairs) add(word string, value any, is bool) {
	if is {
		*p = append(*p, word, fmt.Sprint(value))
	}
}

// Save writes a scenario to its own file in a directory, and logs where. It makes
// the directory. The file is named after the scenario.
func Save(t testing.TB, dir string, s Scenario) {
	t.Helper()
	part := append(slices.Clone(s.Setup), "get "+s.Query)
	part = append(part, s.Expect.answerLines()...)
	file := filepath.Join(dir, s.Name+".txtar")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("routetest: %v", err)
	}
	write(t, file, &txtar.Archive{Files: []txtar.File{{Name: s.Name, Data: text(part)}}})
	t.Logf("scenario saved: %s", file)
}

// SaveAnswers writes new answers into the scenario files of a directory, if they
// differ from the old ones. The map's keys are the names of the scenarios.
func SaveAnswers(t testing.TB, dir string, answers map[string]Expect) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatalf("routetest: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatalf("routetest: %v", err)
		}
		for i := range archive.Files {
			part := &archive.Files[i]
			if e, ok := answers[part.Name]; ok {
				part.Data = withAnswer(part.Data, &e)
			}
		}
		write(t, file, archive)
	}
}

// withAnswer is the part of a scenario with another answer.
func withAnswer(part []byte, e *Expect) []byte {
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(string(part)), "\n") {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "=", "entry":
		case "get":
			out = append(append(out, line), e.answerLines()...)
		default:
			out = append(out, line)
		}
	}
	return text(out)
}

func text(lines []string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

func write(t testing.TB, file string, archive *txtar.Archive) {
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatalf("routetest: %v", err)
	}
}
