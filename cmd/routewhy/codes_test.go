package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
)

// codesDir is the variable that names the folder where the scripts' runs leave the codes
// that they told of.
const codesDir = "ROUTEWHY_TEST_CODES"

// codeTypes are the types of codes: lookup.Code and lookup.Shortcut, by their names.
var codeTypes = []string{reflect.TypeFor[lookup.Code]().Name(), reflect.TypeFor[lookup.Shortcut]().Name()}

// noteCodes writes the codes of a report to the folder that codesDir names, if it names
// one.
func noteCodes(r any) {
	dir := os.Getenv(codesDir)
	if dir == "" {
		return
	}
	if page, ok := r.(interface{ JSON() any }); ok {
		r = page.JSON()
	}
	codes := map[string]bool{}
	collect(reflect.ValueOf(r), codes)
	file, err := os.CreateTemp(dir, "run")
	if errors.Is(err, fs.ErrPermission) { // the script runs it as another user
		return
	}
	if err == nil {
		_, err = fmt.Fprintln(file, strings.Join(slices.Collect(maps.Keys(codes)), "\n"))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	}
}

// collect adds all codes in what JSON has of a value, each with its type: "Code decided".
func collect(v reflect.Value, to map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), to)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() && field.Tag.Get("json") != "-" {
				collect(value, to)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			collect(v.Index(i), to)
		}
	case reflect.String:
		if name := v.Type().Name(); slices.Contains(codeTypes, name) {
			to[name+" "+v.String()] = true
		}
	}
}

// codeExpected is a code that a script expects in JSON.
var codeExpected = regexp.MustCompile(`"(?:code|shortcut)": "([a-z0-9-]+)"`)

// expectedCodes adds the codes that the scripts expect, because some scripts run only on
// other kernels.
func expectedCodes(t *testing.T, to map[string]bool) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeExpected.FindAllSubmatch(b, -1) {
			for _, typ := range codeTypes {
				to[typ+" "+string(m[1])] = true
			}
		}
	}
}

// everyCodeTold reports the codes that no script tells of, after all scripts have run.
func everyCodeTold(t *testing.T, dir string) {
	if t.Failed() || !canUnshare(t) || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return
	}
	told := map[string]bool{}
	expectedCodes(t, told)
	names, err := filepath.Glob(filepath.Join(dir, "run*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for code := range strings.Lines(string(b)) {
			told[strings.TrimSpace(code)] = true
		}
	}
	all := map[string]string{}
	err = filepath.WalkDir("../../lookup", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".go" && !strings.Contains(name, "/internal/") {
			maps.Copy(all, declaredCodes(t, name))
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	for _, code := range slices.Sorted(maps.Keys(all)) {
		if !told[code] {
			t.Errorf("no script tells of %s (%s)", code, all[code])
		}
	}
}

// declaredCodes are the codes that a file declares, each with its type, and the names of
// their constants.
func declaredCodes(t *testing.T, name string) map[string]string {
	out := map[string]string{}
	if strings.HasSuffix(name, "_test.go") {
		return out
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		typ := spec.Type
		if sel, ok := typ.(*ast.SelectorExpr); ok {
			typ = sel.Sel
		}
		id, ok := typ.(*ast.Ident)
		if !ok || !slices.Contains(codeTypes, id.Name) {
			return true
		}
		for i, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				code, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[id.Name+" "+code] = spec.Names[i].Name
			}
		}
		return true
	})
	return out
}
