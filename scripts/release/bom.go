package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

const (
	licence = "Apache-2.0"
	summary = "Deploy a Docker Compose stack over SSH and prove from outside that it is good"
)

// boms writes what each program is made of, as CycloneDX.
func (r *release) boms(ctx context.Context) error {
	folders, err := modules(ctx, r.root)
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		bom, err := r.bom(r.program(p), folders)
		if err != nil {
			return err
		}
		err = into(r.file(r.base(p)+".cdx.json"), func(w io.Writer) error {
			return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// bom reads what a program is made of from the program itself: what the linker
// put in, which is less than go.mod names.
func (r *release) bom(file string, folders map[string]string) (*cdx.BOM, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	purl := r.purl()
	bom := cdx.NewBOM()
	// The same program has the same number.
	bom.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, append([]byte(purl), sum[:]...)).String()
	bom.Metadata = &cdx.Metadata{Timestamp: r.date.Format(time.RFC3339), Component: &cdx.Component{
		BOMRef: purl, Type: cdx.ComponentTypeApplication, Name: "stackctl", Version: r.version, Description: summary, PackageURL: purl,
		Hashes: hash(sum[:]), Licenses: named([]string{licence}), Properties: settings(info)}}
	components := []cdx.Component{library("std", strings.TrimPrefix(info.GoVersion, "go"), "", []string{"BSD-3-Clause"})}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		components = append(components, library(m.Path, m.Version, m.Sum, recognize(folders[m.Path+"@"+m.Version])))
	}
	bom.Components = &components
	return bom, nil
}

// purl names the release (https://github.com/package-url/purl-spec).
func (r *release) purl() string { return "pkg:generic/stackctl@" + r.version }

// library is a Go module. Its sum is the checksum database's (h1:), a SHA-256 of
// the list of its files' sums.
func library(path, version, sum string, ids []string) cdx.Component {
	// A plus sign of "+incompatible" is a space in a URL's query, so it is escaped.
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, Scope: cdx.ScopeRequired, PackageURL: purl, Licenses: named(ids)}
	if text, ok := strings.CutPrefix(sum, "h1:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			c.Hashes = hash(raw)
		}
	}
	return c
}

func hash(sum []byte) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
}

func named(ids []string) *cdx.Licenses {
	if len(ids) == 0 {
		return nil
	}
	var all cdx.Licenses
	for _, id := range ids {
		all = append(all, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &all
}

// settings are those that a program was compiled with.
func settings(info *debug.BuildInfo) *[]cdx.Property {
	var all []cdx.Property
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-tags", "-trimpath":
			all = append(all, cdx.Property{Name: "go:build:" + strings.TrimPrefix(s.Key, "-"), Value: s.Value})
		}
	}
	return &all
}
