package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestReportsAlone checks that everything that is printed comes from a report. The package
// uses no tables and no kernel, and reads no source.
func TestReportsAlone(t *testing.T) {
	barred := map[string]bool{
		"lookup.FIB": true, "lookup.Trace": true, "lookup.Searcher": true, "lookup.New": true, "lookup.Read": true,
		"route.Snapshot": true, "route.Source": true, "route.List": true,
		"report.Look": true, "report.NewDecision": true, "report.NewEntries": true,
	}
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			if strings.HasPrefix(imp.Path.Value, `"routewhy/route/kernel`) || strings.HasPrefix(imp.Path.Value, `"routewhy/route/load`) || strings.HasPrefix(imp.Path.Value, `"routewhy/lookup/coverage`) {
				t.Errorf("%s imports %s", name, imp.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && barred[pkg.Name+"."+sel.Sel.Name] {
				t.Errorf("%s: %s.%s", fset.Position(sel.Pos()), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}
