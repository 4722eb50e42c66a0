package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"routewhy/lookup/report"
)

// codesDir is the variable that names the folder where the scripts' runs leave the codes
// that they told of.
const codesDir = "ROUTEWHY_TEST_CODES"

// codeInJSON is a code as JSON has it.
var codeInJSON = regexp.MustCompile(`"code":"([a-z0-9-]+)"`)

// noteCodes leaves a report's JSON in the folder that codesDir names, if it does.
func noteCodes(r any) {
	dir := os.Getenv(codesDir)
	if dir == "" {
		return
	}
	if page, ok := r.(interface{ JSON() any }); ok {
		r = page.JSON()
	}
	file, err := os.CreateTemp(dir, "run")
	if errors.Is(err, fs.ErrPermission) { // the script runs it as another user
		return
	}
	if err == nil {
		err = errors.Join(json.NewEncoder(file).Encode(r), file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	}
}

// everyKindTold reports the kinds of findings that no script told of, where all scripts
// have run.
func everyKindTold(t *testing.T, dir string) {
	if t.Failed() || !canUnshare(t) || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return
	}
	told := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(dir, "run*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeInJSON.FindAllSubmatch(b, -1) {
			told[string(m[1])] = true
		}
	}
	for _, k := range report.Kinds() {
		if !told[string(k.Code)] {
			t.Errorf("no script tells of the finding %s: %s", k.Code, k.Title)
		}
	}
}
