// Package update owns the index of releases: its form, how it is read, and
// whether it names a newer release than the one that runs. It must not know how
// a release is made or installed, and it asks no server by itself.
package update

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/mod/semver"

	"stackctl/pkg/stackctl/stack"
)

// File is the name of the index in a release's folder.
const File = "latest.json"

// format is the version of Index.
const format = 1

// Index is latest.json: the newest release.
type Index struct {
	Format int `json:"format"`
	// Version is as Go modules have it: "v1.2.3".
	Version string    `json:"version"`
	Date    time.Time `json:"date"`
	// Notes is where its changes are told; empty: nowhere.
	Notes string `json:"notes,omitempty"`
	// Files are what the release holds beside the index, sorted by name.
	Files []stack.FileSum `json:"files"`
}

// New makes the index of a release.
func New(version string, date time.Time, notes string, files []stack.FileSum) (Index, error) {
	i := Index{Format: format, Version: version, Date: date.UTC(), Notes: notes, Files: files}
	return i, i.check()
}

// Bytes is the index as it is written.
func (i Index) Bytes() ([]byte, error) {
	content, err := json.MarshalIndent(i, "", "  ")
	return append(content, '\n'), err
}

// parse reads an index that somebody served: nothing of it is believed
// unchecked. Keys that are not known may be of a later stackctl.
func parse(content []byte) (Index, error) {
	var i Index
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&i); err != nil {
		return Index{}, errors.New("it is not JSON of the form that `make release` writes")
	}
	return i, i.check()
}

func (i Index) check() error {
	if i.Format != format {
		return fmt.Errorf("its format is %d; this stackctl reads %d", i.Format, format)
	}
	if !semver.IsValid(i.Version) || semver.Canonical(i.Version) != i.Version {
		return fmt.Errorf("its version %q is none such as v1.2.3", i.Version)
	}
	if i.Notes != "" {
		if at, err := url.Parse(i.Notes); err != nil || at.Scheme != "https" || at.Host == "" {
			return errors.New("the address of its notes is no https URL")
		}
	}
	return nil
}
