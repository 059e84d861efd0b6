package main

import (
	"io"
	"log"
	"testing"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func pulling(t *testing.T) *maker {
	t.Helper()
	return &maker{progress: newProgress(io.Discard)}
}

func repositoryOf(t *testing.T) string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
