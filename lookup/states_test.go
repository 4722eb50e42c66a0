//go:build linux

package lookup_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"routewhy/route"
)

// A file of states has what the set-ups of a directory's scenarios look like under a
// kernel that can make them: a txtar archive of snapshots by the scenarios' names. A
// state that differs little from an earlier one says only how: "like NAME", and then
// by the number of that one's line what is put before it ("25 +...") and whether it
// is left out ("25 -").
const statesFile = "/states"

// loadStates reads a file of states.
func loadStates(file string) (map[string]*route.Snapshot, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	whole := map[string][]string{}
	states := map[string]*route.Snapshot{}
	for _, part := range archive.Files {
		lines := strings.Split(strings.TrimSpace(string(part.Data)), "\n")
		if name, ok := strings.CutPrefix(lines[0], "like "); ok {
			lines, err = applyEdits(whole[name], lines[1:])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.Name, err)
		}
		whole[part.Name] = lines
		if states[part.Name], err = route.Decode(strings.NewReader(withCommas(lines))); err != nil {
			return nil, fmt.Errorf("%s: %w", part.Name, err)
		}
	}
	return states, nil
}

// saveStates writes a file of states in the order of some names.
func saveStates(file string, names []string, states map[string]*route.Snapshot) error {
	archive := &txtar.Archive{Comment: []byte("Written by tests with UPDATE=1; see states_test.go.\n\n")}
	whole := map[string][]string{} // those that others may be like
	for _, name := range names {
		var b bytes.Buffer
		if err := calm(states[name]).Encode(&b); err != nil {
			return err
		}
		lines := withoutCommas(b.String())
		part := lines
		for _, f := range archive.Files {
			if from := whole[f.Name]; from != nil {
				if edits := slices.Concat([]string{"like " + f.Name}, editsBetween(from, lines)); len(edits) < len(part) {
					part = edits
				}
			}
		}
		if len(part) > len(lines)/3 {
			part, whole[name] = lines, lines
		}
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(strings.Join(part, "\n") + "\n")})
	}
	return os.WriteFile(file, txtar.Format(archive), 0o644)
}

// calm is a snapshot without what differs each time and decides nothing: the time, the
// multicast neighbours, and the numbers in the addresses that devices give themselves.
func calm(s *route.Snapshot) *route.Snapshot {
	c := *s
	c.Time = time.Time{}
	c.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), func(n route.Neighbour) bool { return n.Addr.IsMulticast() })
	var b bytes.Buffer
	if err := c.Encode(&b); err != nil {
		return &c
	}
	text := b.String()
	for i := range s.Addrs {
		a := &s.Addrs[i]
		const fromHardware = 3 // IFAPROT_KERNEL_LL
		if a.Protocol == fromHardware {
			text = strings.ReplaceAll(text, a.Prefix.Addr().String(), fmt.Sprintf("fe80::ff:fe00:%x", a.Link))
		}
	}
	calmed, err := route.Decode(strings.NewReader(text))
	if err != nil {
		return &c
	}
	return calmed
}

func withoutCommas(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], ",")
	}
	return lines
}

// withCommas puts a comma between what stands on neighbouring lines inside one bracket.
func withCommas(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(line)
		if last := i+1 == len(lines); !last && !strings.HasSuffix(line, "{") && !strings.HasSuffix(line, "[") && !strings.ContainsAny(lines[i+1][:1], "]}") {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// editsBetween say how lines come from others, by a longest common subsequence.
func editsBetween(from, to []string) []string {
	common := make([][]int, len(from)+1)
	for i := range common {
		common[i] = make([]int, len(to)+1)
	}
	for i := len(from) - 1; i >= 0; i-- {
		for j := len(to) - 1; j >= 0; j-- {
			if from[i] == to[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var edits []string
	for i, j := 0, 0; i < len(from) || j < len(to); {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			i, j = i+1, j+1
		case j < len(to) && (i == len(from) || common[i][j+1] >= common[i+1][j]):
			edits = append(edits, fmt.Sprintf("%d +%s", i+1, to[j]))
			j++
		default:
			edits = append(edits, fmt.Sprintf("%d -", i+1))
			i++
		}
	}
	return edits
}

// applyEdits is the inverse.
func applyEdits(from, edits []string) ([]string, error) {
	var out []string
	next := 0 // of from
	for _, edit := range edits {
		at, what, _ := strings.Cut(edit, " ")
		n, err := strconv.Atoi(at)
		if err != nil || n-1 < next || n > len(from)+1 || what == "" {
			return nil, errors.New("no edit: " + edit)
		}
		out = append(out, from[next:n-1]...)
		next = n - 1
		if line, ok := strings.CutPrefix(what, "+"); ok {
			out = append(out, line)
		} else {
			next++
		}
	}
	return append(out, from[next:]...), nil
}

// TestStates writes states and reads them again.
func TestStates(t *testing.T) {
	one := &route.Snapshot{Release: "6.1", Links: []route.Link{{Index: 1, Name: "lo", PeerNetNS: -1}}, Sysctls: route.Sysctls{}}
	for i := range 60 {
		one.Sysctls[fmt.Sprintf("net/a%02d", i)] = "1"
	}
	other := *one
	other.Links = append(slices.Clone(one.Links), route.Link{Index: 2, Name: "v0", PeerNetNS: -1})
	other.Sysctls = route.Sysctls{"net/b": "{"}
	last := *one
	last.Release, last.Links = "6.2", nil
	states := map[string]*route.Snapshot{"one": one, "other": &other, "last": &last}
	file := t.TempDir() + "/states"
	if err := saveStates(file, []string{"one", "other", "last"}, states); err != nil {
		t.Fatal(err)
	}
	got, err := loadStates(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range states {
		if a, b := encoded(t, s), encoded(t, got[name]); a != b {
			t.Errorf("%s:\n%s\n%s", name, a, b)
		}
	}
	if text, _ := os.ReadFile(file); !bytes.Contains(text, []byte("-- last --\nlike one\n")) {
		t.Errorf("no state is like another:\n%s", text)
	}
}

func encoded(t *testing.T, s *route.Snapshot) string {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
