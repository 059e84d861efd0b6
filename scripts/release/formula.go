package main

import (
	"context"
	_ "embed"
	"io"
	"slices"
	"text/template"
)

//go:embed formula.rb.tmpl
var formulaText string

var formulaTemplate = template.Must(template.New("formula").Parse(formulaText))

// archive is an archive as the formula names it.
type archive struct{ URL, SHA256 string }

// formula writes the Homebrew formula, where it is known what it would download.
func (r *release) formula(context.Context) error {
	if r.url == "" {
		return nil
	}
	of := map[string]archive{}
	for _, p := range r.platforms {
		if p.os == "windows" {
			continue
		}
		sum, err := fileSum(r.file(r.archiveName(p)))
		if err != nil {
			return err
		}
		of[p.os+"_"+p.arch] = archive{r.url + "/" + r.archiveName(p), sum.SHA256}
	}
	systems := []system{{"macos", "darwin", nil}, {"linux", "linux", nil}}
	for i, s := range systems {
		for _, cpu := range []struct{ name, arch string }{{"arm", "arm64"}, {"intel", "amd64"}} {
			if a, ok := of[s.os+"_"+cpu.arch]; ok {
				systems[i].Archives = append(systems[i].Archives, cpuArchive{cpu.name, a})
			}
		}
	}
	systems = slices.DeleteFunc(systems, func(s system) bool { return len(s.Archives) == 0 })
	return into(r.file("stackctl.rb"), func(w io.Writer) error {
		return formulaTemplate.Execute(w, map[string]any{"Summary": summary, "Home": r.url, "Version": r.number(), "Licence": licence, "Systems": systems})
	})
}

// system is an operating system as Homebrew names it, with its archives.
type system struct {
	Name, os string
	Archives []cpuArchive
}

// cpuArchive is the archive for a processor as Homebrew names it.
type cpuArchive struct {
	CPU string
	archive
}
