package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKernelInOneFile checks that sources are opened in only one place. All other code
// is the same for the live kernel and for files.
func TestKernelInOneFile(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var importers []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			if imp.Path.Value == `"routewhy/route/kernel"` {
				importers = append(importers, name)
			}
		}
	}
	if !slices.Equal(importers, []string{"source.go"}) {
		t.Errorf("these import route/kernel: %v", importers)
	}
}
