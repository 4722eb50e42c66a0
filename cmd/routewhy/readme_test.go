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

// TestReadmePicture checks that the picture in the README is the one that routewhy draws of
// the host in a script. With UPDATE=1 in the environment, it draws it again.
func TestReadmePicture(t *testing.T) {
	const file = "testdata/answer.svg"
	script, err := txtar.ParseFile("testdata/script/picture.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"8.8.8.8", "--svg", filepath.Join(dir, "answer.svg")}
	for _, f := range script.Files {
		if name, ok := strings.CutPrefix(f.Name, "host/"); ok {
			args = append(args, "--load", filepath.Join(dir, name))
			if err := os.WriteFile(filepath.Join(dir, name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var stdout, stderr strings.Builder
	if status := run(t.Context(), args, testIO(&stdout, &stderr)); status != exitOK {
		t.Fatal(status, stderr.String())
	}
	drawn, err := os.ReadFile(filepath.Join(dir, "answer.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, drawn, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil || string(kept) != string(drawn) {
		t.Errorf("the picture is stale: UPDATE=1 go test ./cmd/routewhy -run TestReadmePicture (%v)", err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil || !strings.Contains(string(readme), "](cmd/routewhy/"+file+")") {
		t.Errorf("the README does not show the picture (%v)", err)
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
