package iproute2

import (
	"encoding/json"
	"fmt"
	"strings"

	"routewhy/route"
)

// Neighbour is an entry of the neighbour table as `ip -j -d neigh show` writes it.
type Neighbour struct {
	Dst         string   `json:"dst"`
	Dev         string   `json:"dev,omitempty"`
	LLAddr      string   `json:"lladdr,omitempty"`
	Router      Mark     `json:"router,omitempty"`
	Proxy       Mark     `json:"proxy,omitempty"`
	Managed     Mark     `json:"managed,omitempty"`
	ExternLearn Mark     `json:"extern_learn,omitempty"`
	Offload     Mark     `json:"offload,omitempty"`
	State       []string `json:"state,omitempty"`
	Protocol    Text     `json:"protocol,omitempty"`
}

// neighbourWords are the words of an entry in the order of print_neigh in
// ip/ipneigh.c.
var neighbourWords = languageOf(func() []keyword[Neighbour] {
	return []keyword[Neighbour]{
		{"dev", func(n *Neighbour) any { return &n.Dev }},
		{"lladdr", func(n *Neighbour) any { return &n.LLAddr }},
		{"used probes ref nhid vlan vni", func(*Neighbour) any { return unkept(1) }},
		{"router", func(n *Neighbour) any { return &n.Router }},
		{"proxy", func(n *Neighbour) any { return &n.Proxy }},
		{"managed", func(n *Neighbour) any { return &n.Managed }},
		{"extern_learn", func(n *Neighbour) any { return &n.ExternLearn }},
		{"offload", func(n *Neighbour) any { return &n.Offload }},
		{"extern_valid", func(*Neighbour) any { return unkept(0) }},
		{"INCOMPLETE REACHABLE STALE DELAY PROBE FAILED NOARP PERMANENT NONE", func(n *Neighbour) any { return (*flagWords)(&n.State) }},
		{"proto", func(n *Neighbour) any { return &n.Protocol }},
	}
})

// ParseNeighbour reads an entry of a listing. It stops at a word that is not understood.
func ParseNeighbour(line []string) (Neighbour, *Odd) {
	w := &words{all: line}
	n := Neighbour{Dst: w.next()}
	for w.more() {
		if !neighbourWords().take(w, &n) {
			n.State = append(n.State, w.next()) // the state may be a number
		}
	}
	return n, w.odd
}

// ParseNeighbourJSON reads an entry that ip(8) wrote as JSON.
func ParseNeighbourJSON(raw []byte) (n Neighbour, err error) {
	err = json.Unmarshal(raw, &n)
	return n, err
}

// String is the entry as `ip -d neigh show` lists it.
func (n *Neighbour) String() string {
	return strings.Join(neighbourWords().text([]string{n.Dst}, n), " ")
}

// Resolve finds the numbers of an entry.
func (n *Neighbour) Resolve(names Names) (out route.Neighbour, err error) {
	if out.Addr, err = ParseAddr(n.Dst); err != nil {
		return out, err
	}
	for _, s := range n.State {
		if err := out.State.UnmarshalText([]byte(s)); err != nil {
			return out, fmt.Errorf("state %q", s)
		}
	}
	if n.Dev != "" {
		out.Link, err = names.Device(n.Dev)
	}
	return out, err
}
