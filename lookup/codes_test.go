package lookup_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// codesOf are the constants of type Code or Shortcut in the packages below lookup, by
// their value: where each is given one of its own. One that is defined as another means
// the same, and is not among them.
func codesOf(t *testing.T) map[string][]string {
	out := map[string][]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !isCode(spec.Type) {
				return true
			}
			for i, v := range spec.Values {
				lit, ok := v.(*ast.BasicLit)
				if !ok {
					continue
				}
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[value] = append(out[value], filepath.Dir(path)+" "+spec.Names[i].Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// isCode reports whether a type is Code or Shortcut, of this package or as others name it.
func isCode(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && (id.Name == "Code" || id.Name == "Shortcut")
}

// TestCodes: a code has one meaning, whatever it is a code of: a reason, a note, a
// shortcut, a next hop's fault, an answer, a socket.
func TestCodes(t *testing.T) {
	codes := codesOf(t)
	if len(codes) < 200 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	for value, names := range codes {
		if value == "" || len(names) > 1 {
			t.Errorf("%q is %s", value, strings.Join(names, ", "))
		}
	}
}
