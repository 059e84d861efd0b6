package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/update"
)

const (
	sumsFile  = "checksums.txt"
	indexFile = update.File
)

// sums are the sizes and sums of all files of a folder, sorted by name.
func sums(dir string) ([]stack.FileSum, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []stack.FileSum
	for _, e := range entries {
		s, err := fileSum(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	return all, nil
}

func fileSum(file string) (stack.FileSum, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return stack.FileSum{}, err
	}
	sum := sha256.Sum256(content)
	return stack.FileSum{Path: filepath.Base(file), Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, nil
}

// lists writes the index, then the list of sums with the index in it, then who
// vouches for that list.
func (r *release) lists(context.Context) error {
	files, err := sums(r.out)
	if err != nil {
		return err
	}
	index, err := update.New(r.version, r.date, r.notes, files)
	if err != nil {
		return err
	}
	content, err := index.Bytes()
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.file(indexFile), content, 0o644); err != nil {
		return err
	}
	if files, err = sums(r.out); err != nil {
		return err
	}
	var list bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&list, "%s  %s\n", f.SHA256, f.Path)
	}
	if err := os.WriteFile(r.file(sumsFile), list.Bytes(), 0o644); err != nil {
		return err
	}
	signature, err := evidence.SignSums(sumsFile, list.Bytes(), r.purl(), r.signer)
	if err != nil {
		return err
	}
	return os.WriteFile(evidence.Signature(r.file(sumsFile)), signature, 0o644)
}
