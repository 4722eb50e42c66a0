package schema

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Meaning is what a word of a closed list means in JSON.
type Meaning struct {
	// List says which list it is, without a stop: "why a connection is lost"; empty: the word
	// is the code of a reason.
	List string
	// Text says what the word means, and what members such as want and have are then.
	Text string
}

// codeList is the definition that lists the codes of reasons.
const codeList = "lookup.Code"

// list is a definition of the schemas that lists words.
type list struct {
	Description string `json:"description"`
	OneOf       []struct {
		Const       any    `json:"const"`
		Description string `json:"description"`
	} `json:"oneOf"`
}

// Meanings are what a word means, a code of a reason first. There may be several, because two
// lists may have the same word.
func Meanings(word string) []Meaning {
	var out []Meaning
	f := read()
	for _, name := range slices.Sorted(maps.Keys(f.Defs)) {
		var def list
		quoted, err := json.Marshal(word)
		if err != nil || strings.HasPrefix(name, "snapshot.") || !bytes.Contains(f.Defs[name], quoted) || json.Unmarshal(f.Defs[name], &def) != nil {
			continue
		}
		for _, one := range def.OneOf {
			m := Meaning{listName(def.Description), one.Description}
			switch {
			case one.Const != word || one.Description == "":
			case name == codeList:
				out = slices.Insert(out, 0, Meaning{Text: one.Description})
			case !slices.ContainsFunc(out, func(o Meaning) bool { return o.Text == m.Text }):
				out = append(out, m)
			}
		}
	}
	return out
}

// listName is what a type's comment says after "X is".
func listName(comment string) string {
	first, _, _ := strings.Cut(comment, ". ")
	words := strings.SplitN(strings.TrimSuffix(first, "."), " ", 3)
	if len(words) < 3 {
		return first
	}
	return words[2]
}

// Words are all words that have a meaning, in order.
func Words() []string {
	var out []string
	for _, raw := range read().Defs {
		var def list
		if json.Unmarshal(raw, &def) != nil {
			continue
		}
		for _, one := range def.OneOf {
			if s, is := one.Const.(string); is && one.Description != "" {
				out = append(out, s)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
