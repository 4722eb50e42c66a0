package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestReadme checks that each screen that the README shows is one that a script gets.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	screens := scriptScreens(t)
	shown := 0
	for i, block := range strings.Split(string(readme), "```\n") {
		command, screen, ok := strings.Cut(block, "\n")
		if i%2 == 0 || !ok || !strings.HasPrefix(command, "$ routewhy ") {
			continue
		}
		if shown++; !slices.Contains(screens, screen) {
			t.Errorf("no script gets what the README shows for %s", command)
		}
	}
	if shown == 0 {
		t.Error("the README shows no screen")
	}
}

// scriptScreens are all outputs that the scripts expect.
func scriptScreens(t *testing.T) []string {
	names, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	var out []string
	for _, name := range names {
		file, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range file.Files {
			out = append(out, string(f.Data))
		}
	}
	return out
}
