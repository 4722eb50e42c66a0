package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/pflag"

	"routewhy/cmd/routewhy/internal/manual"
	"routewhy/lookup/check"
	"routewhy/lookup/report"
)

// TestManual checks that the files of the manual that are made from the source are up to
// date, and that the manual has all flags. With UPDATE=1 in the environment, it writes the
// files again.
func TestManual(t *testing.T) {
	codes := manual.Codes(documentedCodes(t))
	examples := manual.Examples([]manual.Example{
		screen(t, "Which of two default routes an ordinary host takes, and why:", "ordinary", 1),
		screen(t, "Where the default route stands:", "ordinary", 4),
		screen(t, "Why packets do not go where they should:", "whynot_rules_gone", 1),
	})
	if os.Getenv("UPDATE") != "" {
		err := os.WriteFile("internal/manual/codes.mdoc", []byte(codes), 0o644)
		err = errors.Join(err, os.WriteFile("internal/manual/examples.mdoc", []byte(examples), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	} else if haveCodes, haveExamples := manual.Made(); codes != haveCodes || examples != haveExamples {
		t.Error("the manual is stale: UPDATE=1 go test ./cmd/routewhy -run TestManual")
	}
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"--man"}, testIO(&stdout, &stderr)); status != exitOK || stderr.Len() > 0 {
		t.Fatal(status, &stderr)
	}
	page := stdout.String()
	for line := range strings.Lines(page) {
		if _, value, ok := strings.Cut(line, ` Ar `); ok && strings.HasPrefix(line, ".It Fl") && strings.Contains(value, `\ `) {
			t.Errorf("the manual takes what a flag does for its value: %s", line)
		}
	}
	new(options).flagSet(modes()).VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page, "Fl -"+f.Name) && !strings.Contains(page, "--"+f.Name) {
			t.Errorf("the manual does not have --%s", f.Name)
		}
	})
}

// TestExplainCodes asks --explain about every code that the manual has.
func TestExplainCodes(t *testing.T) {
	for _, g := range documentedCodes(t) {
		for _, term := range g.Terms {
			all, err := parseExplained(term.Word)
			if err != nil || !slices.ContainsFunc(all, func(c check.Check) bool {
				return c.Title == g.Title && c.Doc == strings.Join(strings.Fields(term.Meaning), " ")
			}) {
				t.Errorf("%s (%s): %v %v", term.Word, g.Title, err, all)
			}
		}
	}
	for _, k := range report.Kinds() {
		if all, err := parseExplained(string(k.Code)); err != nil || all[0].Title != k.Title {
			t.Errorf("%s: %v %v", k.Code, err, all)
		}
	}
}

// screen is a command of a script, by its place from 1, and what it prints.
func screen(t *testing.T, about, script string, place int) manual.Example {
	file, err := txtar.ParseFile("testdata/script/" + script + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	e := manual.Example{About: about}
	n := 0
	for line := range strings.Lines(string(file.Comment)) {
		if _, command, ok := strings.Cut(line, " in routewhy "); ok {
			if n++; n == place {
				e.Command = "routewhy " + strings.TrimSpace(command)
			}
		}
	}
	for _, f := range file.Files {
		if f.Name == fmt.Sprintf("out%d", place-1) {
			e.Output = string(f.Data)
		}
	}
	if e.Command == "" || e.Output == "" {
		t.Fatalf("%s has no command %d: %+v", script, place, e)
	}
	return e
}

// documentedCodes are all codes with what their comments say, those of a block of
// constants together. Those of package lookup itself, which most answers have, come first.
func documentedCodes(t *testing.T) []manual.Group {
	var own, out []manual.Group
	alone := manual.Group{Title: "Further codes"} // each declared by itself
	err := filepath.WalkDir("../../lookup", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/internal/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.CONST {
				switch g := codeGroup(t, decl); {
				case !decl.Lparen.IsValid():
					alone.Terms = append(alone.Terms, g.Terms...)
				case len(g.Terms) > 0 && filepath.Base(filepath.Dir(name)) == "lookup":
					own = append(own, g)
				case len(g.Terms) > 0:
					out = append(out, g)
				}
			}
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatal(len(out), err)
	}
	return slices.Concat(own, out, []manual.Group{alone})
}

// codeGroup are the codes of a block of constants. Findings have their own list.
func codeGroup(t *testing.T, decl *ast.GenDecl) manual.Group {
	title, _, _ := strings.Cut(strings.Join(strings.Fields(decl.Doc.Text()), " "), ".")
	g := manual.Group{Title: title}
	for _, s := range decl.Specs {
		spec := s.(*ast.ValueSpec)
		if typ, ok := codeType(spec.Type); !ok || !slices.Contains(codeTypes, typ) && typ != "Loss" && typ != "LeftoverCode" || len(spec.Values) == 0 {
			continue
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			continue
		}
		word, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		if typ, _ := codeType(spec.Type); typ == "Code" && slices.ContainsFunc(report.Kinds(), func(k report.Kind) bool { return string(k.Code) == word }) {
			continue
		}
		meaning := cmp.Or(spec.Comment.Text(), spec.Doc.Text())
		if !decl.Lparen.IsValid() {
			meaning = decl.Doc.Text()
		}
		meaning = operandNames(strings.TrimPrefix(strings.TrimSpace(meaning), spec.Names[0].Name+": "))
		if meaning == "" {
			t.Errorf("the code %s has no comment that says what it means", word)
		}
		g.Terms = append(g.Terms, manual.Term{Word: word, Meaning: meaning})
	}
	return g
}

// codeType is the name of a type, which may be another package's.
func codeType(e ast.Expr) (string, bool) {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}
