package gatetest

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"
)

// Contract is the contract of the site that tests judge.
//
//go:embed testdata/contract.yaml
var Contract []byte

// root is the folder of this repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		t.Fatal("no go.mod above this folder")
	}
}
