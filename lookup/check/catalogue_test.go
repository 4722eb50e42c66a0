package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"routewhy/lookup/check"
)

// TestCatalogue checks that each check has its own ID, in order, and its complete
// documentation. Each check must also have a script with a host on which it finds something,
// and with two similar hosts on which it finds nothing.
func TestCatalogue(t *testing.T) {
	scopes := []check.Scope{check.ScopeDefault, check.ScopeRules, check.ScopeEntries, check.ScopeReplies, check.ScopeDevices}
	severities := []check.Severity{check.Error, check.Warning, check.Notice}
	last := ""
	for _, c := range check.All() {
		if !regexp.MustCompile(`^RW\d{3}$`).MatchString(c.ID) || c.ID <= last {
			t.Errorf("%s comes after %s", c.ID, last)
		}
		last = c.ID
		if got, ok := check.Find(c.ID); !ok || got.Title != c.Title {
			t.Errorf("%s is not found", c.ID)
		}
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || !strings.HasSuffix(c.Doc, ".") || len(c.Needs) == 0 {
			t.Errorf("%s: title %q, needs %q, doc %q", c.ID, c.Title, c.Needs, c.Doc)
		}
		if !slices.Contains(scopes, c.Scope) || !slices.Contains(severities, c.Severity) {
			t.Errorf("%s: scope %q, severity %q", c.ID, c.Scope, c.Severity)
		}
		name := filepath.Join("../../cmd/routewhy/testdata/script", "check_"+strings.ToLower(c.ID)+".txtar")
		script, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%s has no script: %v", c.ID, err)
			continue
		}
		status := "1"
		if c.Severity == check.Notice {
			status = "0"
		}
		sick := regexp.MustCompile(`(?m)^exits `+status+` routewhy --check `+c.ID+` .*\ncmp stdout out\d$`).FindAll(script, -1)
		well := regexp.MustCompile(`(?m)^exits 0 routewhy --check `+c.ID+` .*\ncmp stdout well$`).FindAll(script, -1)
		if len(sick) < 1 || len(well) < 2 {
			t.Errorf("%s: %d hosts that it finds something on, and %d that are well", name, len(sick), len(well))
		}
	}
	if _, ok := check.Find("RW999"); ok {
		t.Error("RW999 is found")
	}
}
