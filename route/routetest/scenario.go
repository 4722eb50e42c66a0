package routetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"routewhy/route"
)

// Setup is a list of commands that make a routing set-up in a fresh namespace,
// each a line for [Namespace.Batch].
type Setup []string

// Scenario is a set-up, a question about it, and what the kernel answered.
type Scenario struct {
	Name   string       `json:"name"`
	Area   string       `json:"area"`
	Family route.Family `json:"family"`
	Setup  Setup        `json:"setup"`
	// Query is the arguments of `ip route get`: see ParseQuery.
	Query  string `json:"query"`
	Expect Expect `json:"expect"`
}

// Expect is an answer of the kernel, in RTM_GETROUTE's terms. It has an Errno,
// or Candidates, or the rest.
type Expect struct {
	// Errno is the symbol of the refusal: ENETUNREACH.
	Errno string
	// Candidates are all answers that were seen, in any order, where a hash
	// that nobody can predict decides.
	Candidates []Expect
	Type       route.Type
	// Table is 0 where no table entry was used.
	Table route.Table
	Dev   string
	// Gateway and Src are the zero Addr where the answer has none.
	Gateway, Src netip.Addr
	// MTU is 0 where the answer has none.
	MTU uint32
	// Entry is the answer with RTM_F_FIB_MATCH; nil: not asked.
	Entry *ExpectEntry
}

// ExpectEntry is the table entry behind an answer. It has an Errno or the rest.
type ExpectEntry struct {
	Errno  string       `json:"errno,omitempty"`
	Prefix netip.Prefix `json:"prefix"`
	Table  route.Table  `json:"table"`
	Type   route.Type   `json:"type"`
	Metric uint32       `json:"metric"`
	From   netip.Prefix `json:"from,omitzero"`
	TOS    uint8        `json:"tos,omitempty"`
	// NextHops is their number where there is more than one.
	NextHops int    `json:"nexthops,omitempty"`
	NHID     uint32 `json:"nhid,omitempty"`
}

// expectJSON is how an Expect is written where it is an answer proper: an
// address that there is none of is null.
type expectJSON struct {
	Type    route.Type   `json:"type"`
	Table   route.Table  `json:"table"`
	Dev     string       `json:"dev"`
	Gateway *netip.Addr  `json:"gateway"`
	Src     *netip.Addr  `json:"src"`
	MTU     uint32       `json:"mtu,omitempty"`
	Entry   *ExpectEntry `json:"fibmatch,omitempty"`
}

// otherJSON is how the other two kinds are written.
type otherJSON struct {
	Errno      string       `json:"errno,omitempty"`
	Candidates []Expect     `json:"candidates,omitempty"`
	Entry      *ExpectEntry `json:"fibmatch,omitempty"`
}

// MarshalJSON writes only what applies.
func (e Expect) MarshalJSON() ([]byte, error) {
	if e.Errno != "" || e.Candidates != nil {
		return json.Marshal(otherJSON{e.Errno, e.Candidates, e.Entry})
	}
	out := expectJSON{Type: e.Type, Table: e.Table, Dev: e.Dev, MTU: e.MTU, Entry: e.Entry}
	if e.Gateway.IsValid() {
		out.Gateway = &e.Gateway
	}
	if e.Src.IsValid() {
		out.Src = &e.Src
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else.
func (e *Expect) UnmarshalJSON(b []byte) error {
	var all struct {
		Errno      string       `json:"errno"`
		Candidates []Expect     `json:"candidates"`
		Type       route.Type   `json:"type"`
		Table      route.Table  `json:"table"`
		Dev        string       `json:"dev"`
		Gateway    netip.Addr   `json:"gateway"`
		Src        netip.Addr   `json:"src"`
		MTU        uint32       `json:"mtu"`
		Entry      *ExpectEntry `json:"fibmatch"`
	}
	if err := decodeStrict(b, &all); err != nil {
		return err
	}
	*e = Expect(all)
	return nil
}

// MarshalJSON writes only what applies.
func (e ExpectEntry) MarshalJSON() ([]byte, error) {
	if e.Errno != "" {
		return json.Marshal(map[string]string{"errno": e.Errno})
	}
	type plain ExpectEntry
	return json.Marshal(plain(e))
}

// ExpectOf puts an answer of the kernel into a scenario's terms.
func ExpectOf(a route.Answer, name func(index int) string) Expect {
	e := Expect{
		Type: a.Type, Table: a.Table, Dev: name(a.Link), Gateway: a.Gateway, Src: a.Src, MTU: a.MTU,
	}
	if a.Errno != 0 {
		e = Expect{Errno: a.Errno.String()}
	}
	switch r := &a.Entry; {
	case a.EntryErrno != 0:
		e.Entry = &ExpectEntry{Errno: a.EntryErrno.String()}
	case a.HasEntry:
		e.Entry = &ExpectEntry{
			Prefix: r.Dst, Table: r.Table, Type: r.Type, Metric: r.Metric,
			From: r.Src, TOS: r.TOS, NHID: r.NextHopID,
		}
		if len(r.NextHops) > 1 {
			e.Entry.NextHops = len(r.NextHops)
		}
	}
	return e
}

// Matches says whether an answer is the expected one, or one of those.
// It leaves Entry aside.
func (e Expect) Matches(got Expect) bool {
	if e.Candidates != nil {
		return slices.ContainsFunc(e.Candidates, func(c Expect) bool { return c.Matches(got) })
	}
	return e.Errno == got.Errno && e.Type == got.Type && e.Table == got.Table && e.Dev == got.Dev &&
		e.Gateway == got.Gateway && e.Src == got.Src && e.MTU == got.MTU
}

// Load reads a file of scenarios, one JSON object a line. Fields that are not
// known are an error.
func Load(file string) ([]Scenario, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []Scenario
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, len(b)+1)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var s Scenario
		if err := decodeStrict(lines.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

// LoadDir reads all scenario files (*.jsonl) of a directory. There may be none.
func LoadDir(dir string) ([]Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
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

func decodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// Save writes a scenario to a file of its own in a directory, which is made,
// and logs where. The file is named after the scenario.
func Save(t testing.TB, dir string, s Scenario) {
	t.Helper()
	if !regexp.MustCompile(`^[\w.-]+$`).MatchString(s.Name) {
		t.Fatalf("routetest: scenario name %q is no file name", s.Name)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatalf("routetest: %v", err)
	}
	file := filepath.Join(dir, s.Name+".jsonl")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("routetest: %v", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatalf("routetest: %v", err)
	}
	t.Logf("scenario saved: %s", file)
}
