package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestCompletionSyntax(t *testing.T) {
	check := map[string]string{"bash": "-n", "zsh": "-n", "fish": "--no-execute"}
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			script := completion(shell, new(options).flagSet(modes()))
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("no %s on this host", shell)
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, check[shell], file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestCompletionHasEveryFlag(t *testing.T) {
	fs := new(options).flagSet(modes())
	for _, shell := range shells() {
		script := completion(shell, fs)
		prefix := "--"
		if shell == "fish" {
			prefix = "-l "
		}
		fs.VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(script, prefix+f.Name) {
				t.Errorf("%s: no --%s", shell, f.Name)
			}
		})
	}
}

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash on this host")
	}
	script := completion("bash", new(options).flagSet(modes()))
	tests := []struct{ words, want string }{
		{"--co", "--coverage --count --color --completion"},
		{"--color a", "auto always"},
		{"--color=n", "never"},
		{"--color=", "auto always never"},
		{"--redact=s", "strict"},
		{"--completion z", "zsh"},
		{"--schema sn", "snapshot"},
		{"--tos ef", "ef"},
		{"--errno EHOSTU", "EHOSTUNREACH"},
		{"--mark x", ""},
		{"--check RW00", "RW001 RW002 RW003 RW004 RW005 RW006 RW007 RW008 RW009"},
		{"defaul", "default"},
	}
	for _, test := range tests {
		call := "\nCOMP_LINE='routewhy " + test.words + "'\nCOMP_POINT=${#COMP_LINE}\nCOMP_WORDS=(routewhy x)\nCOMP_CWORD=1\n_routewhy\necho \"${COMPREPLY[*]}\"\n"
		out, err := exec.Command(bash, "--norc", "-c", script+call).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.words, got, err, test.want)
		}
	}
}
