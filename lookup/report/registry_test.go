package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
)

// TestKinds: each code of a finding is registered once, with all that is said of it, and
// no other is.
func TestKinds(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range report.Kinds() {
		if k.Title == "" || !strings.HasSuffix(k.Explanation, ".") || strings.HasSuffix(k.Title, ".") || k.Severity == "" || k.Scope == "" {
			t.Errorf("%s: %+v", k.Code, k)
		}
		if kinds[string(k.Code)] {
			t.Errorf("%s is registered twice", k.Code)
		}
		kinds[string(k.Code)] = true
		if got, ok := report.KindOf(k.Code); !ok || got != k {
			t.Errorf("%s: %+v", k.Code, got)
		}
	}
	codes := map[string]bool{string(lookup.NoteRedirected): true, string(report.WarnSilent): true} // which have two names each
	for _, pattern := range []string{"../*.go", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				maps.Copy(codes, findingCodes(t, name))
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(codes)) {
		if !kinds[c] {
			t.Errorf("%s is not registered", c)
		}
		delete(kinds, c)
	}
	for _, c := range slices.Sorted(maps.Keys(kinds)) {
		t.Errorf("%s is registered, and no finding has it", c)
	}
}

var findingName = regexp.MustCompile("^(Note|Remark|Warn)")

// findingCodes are the values of the constants of a file whose names begin with Note,
// Remark or Warn.
func findingCodes(t *testing.T, name string) map[string]bool {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !findingName.MatchString(spec.Names[0].Name) {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[value] = true
			}
		}
		return true
	})
	return out
}
