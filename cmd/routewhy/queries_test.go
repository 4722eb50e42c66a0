package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestQueries runs the README's queries with real engines. ROUTEWHY_DATABASES is a folder
// of Node.js packages with @duckdb/node-api and chdb in it.
func TestQueries(t *testing.T) {
	packages := os.Getenv("ROUTEWHY_DATABASES")
	if packages == "" {
		t.Skip("ROUTEWHY_DATABASES names no folder with @duckdb/node-api and chdb")
	}
	readme, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/queries",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("NODE_PATH", packages)
			env.Setenv("README", readme)
			return nil
		},
	})
}
