package routetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"routewhy/route"
)

// Setup is a list of commands that make a routing set-up in a fresh namespace.
// Each command is a line for [Namespace.Batch].
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
	// Older are the answers of older kernels, if those differ.
	Older []Older `json:"-"`
	// Packet is what happens to the packet, if RTM_GETROUTE answers something else;
	// nil: it does not.
	Packet *Expect `json:"-"`
}

// Becomes is what happens to the packet on a kernel of a release.
func (s Scenario) Becomes(release string) Expect {
	if s.Packet != nil {
		return *s.Packet
	}
	return s.On(release)
}

// Older is what kernels before a version answer.
type Older struct {
	Major, Minor int
	Expect       Expect
}

// On is what a kernel of a release is expected to answer.
func (s Scenario) On(release string) Expect {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n < 2 {
		return s.Expect
	}
	for _, o := range s.Older {
		if major < o.Major || major == o.Major && minor < o.Minor {
			return o.Expect
		}
	}
	return s.Expect
}

// Expect is an answer of the kernel, in RTM_GETROUTE's terms. It has an Errno,
// or Candidates, or the rest.
type Expect struct {
	// Errno is the symbol of the refusal: ENETUNREACH.
	Errno string
	// Candidates are all answers that were seen, in any order, if a hash decides
	// that nobody can predict.
	Candidates []Expect
	Type       route.Type
	// Table is 0 if no table entry was used.
	Table route.Table
	Dev   string
	// Gateway and Src are the zero Addr if the answer has none.
	Gateway, Src netip.Addr
	// MTU is 0 if the answer has none.
	MTU uint32
	// Entry is the answer with RTM_F_FIB_MATCH; nil: not asked.
	Entry *ExpectEntry
}

// ExpectEntry is the table entry that an answer names. It has an Errno or the rest.
type ExpectEntry struct {
	Errno  string
	Prefix netip.Prefix
	Table  route.Table
	Type   route.Type
	Metric uint32
	From   netip.Prefix
	TOS    uint8
	// NextHops is the number of next hops if there is more than one.
	NextHops int
	NHID     uint32
}

// UnmarshalJSON reads an answer from a file with one JSON object on each line. An
// unknown member is an error.
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

// Matches reports whether an answer is the expected one, or one of the candidates.
// It does not compare Entry.
func (e Expect) Matches(got Expect) bool {
	if e.Candidates != nil {
		return slices.ContainsFunc(e.Candidates, func(c Expect) bool { return c.Matches(got) })
	}
	return e.Errno == got.Errno && e.Type == got.Type && e.Table == got.Table && e.Dev == got.Dev &&
		e.Gateway == got.Gateway && e.Src == got.Src && e.MTU == got.MTU
}

// loadJSON reads a file of scenarios that has one JSON object on each line.
func loadJSON(file string) ([]Scenario, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for n, line := range bytes.Split(b, []byte{'\n'}) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var s Scenario
		if err := decodeStrict(line, &s); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
		all = append(all, s)
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
