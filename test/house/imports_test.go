// Package house holds the rules of the repository that no compiler holds.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// deployer lists, from the top, the packages of the deployer wing; a package
// may import those in later rows. Packages of one row do not import each
// other. A row names a package by its path, or all below a folder: "gate/*".
var deployer = [][]string{
	{"cli", "gates/page"},
	{"deploy", "operate", "sandbox", "harden", "swarm", "cloud"},
	{"gates", "node"},
	// What tests share; only they import it.
	{"gate/gatetest", "digitalocean/fake"},
	// One family each: none imports another.
	{"gate/*"},
	{"gate/probe"},
	{"gate", "provision", "image", "engine", "edge", "release", "evidence", "backup"},
	{"host", "config", "report", "display", "notice", "update"},
	{"openssh", "digitalocean"},
	{"traefik", "openapi", "schema"},
	{"secret"},
	{"redact", "given", "infer", "build", "program", "outbound"},
	{"stack"},
}

// importers names the packages that may import a library.
var importers = map[string][]string{
	// gitleaks reads its rules by viper; redact must hand it one.
	"github.com/spf13/viper":    {"stackctl/pkg/stackctl/config", "stackctl/pkg/stackctl/redact"},
	"github.com/melbahja/goph":  {"stackctl/pkg/stackctl/host"},
	"github.com/docker/compose": {"stackctl/pkg/stackctl/engine", "stackctl/test/composeup"},
	"filippo.io/age":            {"stackctl/pkg/stackctl/backup", "stackctl/pkg/stackctl/secret"},
	// Fakes are for tests alone.
	"stackctl/pkg/stackctl/gate/gatetest":     {},
	"stackctl/pkg/stackctl/digitalocean/fake": {},
}

// standardOnly packages import nothing but the standard library.
var standardOnly = []string{"stackctl/pkg/stackctl/stack"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "stackctl/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 20 {
		t.Fatalf("only %d packages were found", len(list))
	}
	return list
}

// row is how deep a package of the deployer is; -1: it is not of the deployer.
func row(path string) int {
	name, ok := strings.CutPrefix(path, "stackctl/pkg/stackctl/")
	if !ok {
		return -1
	}
	find := func(name string) int {
		return slices.IndexFunc(deployer, func(r []string) bool { return slices.Contains(r, name) })
	}
	if at := find(name); at >= 0 {
		return at
	}
	folder, _, nested := strings.Cut(name, "/")
	if !nested {
		return -1
	}
	return find(folder + "/*")
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			if from, to := row(p.ImportPath), row(i); from >= 0 && to >= 0 && to <= from {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, i)
			}
			if strings.HasPrefix(p.ImportPath, "stackctl/pkg/stackctl/") && row(p.ImportPath) < 0 {
				t.Errorf("%s is in no row of the house", p.ImportPath)
			}
		}
	}
}

// TestRowsOfNestedPackages holds that two families are of one row, so that
// neither may import the other.
func TestRowsOfNestedPackages(t *testing.T) {
	at := func(name string) int { return row("stackctl/pkg/stackctl/" + name) }
	if at("gate/acme") != at("gate/headers") || at("gate/acme") < 0 {
		t.Error("families are of different rows")
	}
	if !(at("gates") < at("gate/acme") && at("gate/acme") < at("gate/probe") && at("gate/probe") < at("gate") && at("gate") < at("traefik")) {
		t.Error("gates, a family, probe, gate and traefik do not stand in this order")
	}
	if at("deploy/inner") >= 0 {
		t.Error("a nested package that no row names has a row")
	}
}

func TestTheWingsNeverMeet(t *testing.T) {
	const deployer, server = "stackctl/pkg/stackctl/", "stackctl/pkg/server/"
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			if strings.HasPrefix(p.ImportPath, deployer) && strings.HasPrefix(i, server) ||
				strings.HasPrefix(p.ImportPath, server) && strings.HasPrefix(i, deployer) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}

func TestALibraryHasItsImporters(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			for library, owners := range importers {
				if (i == library || strings.HasPrefix(i, library+"/")) && !slices.Contains(owners, p.ImportPath) {
					t.Errorf("%s imports %s, which only %s may", p.ImportPath, i, strings.Join(owners, ", "))
				}
			}
			if slices.Contains(standardOnly, p.ImportPath) && strings.Contains(i, ".") {
				t.Errorf("%s imports %s, which is not of the standard library", p.ImportPath, i)
			}
		}
	}
}
