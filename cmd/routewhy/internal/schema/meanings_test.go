package schema_test

import (
	"strings"
	"testing"

	"routewhy/cmd/routewhy/internal/schema"
)

// TestMeanings checks that a word which two lists have has two meanings, that of a code first.
func TestMeanings(t *testing.T) {
	for word, want := range map[string][]string{
		"higher-metric": {"want: the winner's metric"},
		"refused":       {"the packet gets nowhere", "the kernel refuses its packets"},
		"linkdown-used": {"A device without carrier is used: "},
		"nothing":       nil,
	} {
		got := schema.Meanings(word)
		if len(got) != len(want) {
			t.Errorf("%s: %+v", word, got)
			continue
		}
		for i := range want {
			if !strings.Contains(got[i].Text, want[i]) || (i > 0) != (got[i].List != "") {
				t.Errorf("%s: %+v", word, got[i])
			}
		}
	}
}
