package openapi

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

// deliberate are the pairs of documents in oasdiff's own test data on which we
// judge otherwise than oasdiff with its defaults, each with the reason. true:
// we fail what oasdiff lets pass.
var deliberate = map[string]struct {
	stricter bool
	reason   string
}{
	"allof_property_existence":                 {true, "a required request property is new; oasdiff warns only, because another branch of the allOf could name it, which none does"},
	"allof_unchanged_sibling":                  {true, "a length is tightened; oasdiff warns only, because another branch of the allOf could be tighter"},
	"api_security_updated":                     {true, "another scheme, and a scope more: oasdiff tells of security, but never as breaking"},
	"prefix_items_added":                       {true, "positions of an array are constrained: a warning of oasdiff, of unknown effect"},
	"prefix_items_prop":                        {true, "positions of an array are constrained: a warning of oasdiff, of unknown effect"},
	"response_pattern_added_or_changed":        {true, "a pattern changed: a warning of oasdiff, of unknown effect"},
	"webhook_operation":                        {false, "the server sends a webhook's body: one that it must send, and a member more, harm no receiver"},
	"request_body_any_of_media_type":           {false, "a branch was replaced by one of another name and the same content: nothing changes on the wire"},
	"request_parameter_extensible_enum":        {false, "x-extensible-enum is an extension: no part of the interface here"},
	"request_parameter_extensible_enum_number": {false, "x-extensible-enum is an extension: no part of the interface here"},
	"request_property_extensible_enum":         {false, "x-extensible-enum is an extension: no part of the interface here"},
	"request_property_extensible_enum_number":  {false, "x-extensible-enum is an extension: no part of the interface here"},
}

// The verdicts on the pairs that ship with oasdiff, against its own.
func TestAgreementOverOasdiffsPairs(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/oasdiff/oasdiff").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "data", "checker")
	bases, err := filepath.Glob(filepath.Join(dir, "*_base.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pairs, agree, seen := 0, 0, []string{}
	for _, base := range bases {
		stem := strings.TrimSuffix(filepath.Base(base), "_base.yaml")
		revision := filepath.Join(dir, stem+"_revision.yaml")
		if _, err := os.Stat(revision); err != nil {
			continue
		}
		theirs, ok := pairByOasdiff(t, base, revision)
		if !ok {
			continue
		}
		ours := pairByUs(t, base, revision)
		pairs++
		if ours == theirs {
			agree++
			continue
		}
		seen = append(seen, stem)
		if why, known := deliberate[stem]; !known || why.stricter != ours {
			t.Errorf("%s: we say breaking %v, oasdiff %v, and no reason is written down", stem, ours, theirs)
		}
	}
	t.Logf("%d pairs, %d alike, %d deliberately otherwise", pairs, agree, pairs-agree)
	if pairs < 130 {
		t.Errorf("only %d pairs found in %s", pairs, dir)
	}
	for stem := range deliberate {
		if !slices.Contains(seen, stem) {
			t.Errorf("%s: listed as a deliberate difference, but there is none", stem)
		}
	}
}

func pairByOasdiff(t *testing.T, base, revision string) (breaking, ok bool) {
	t.Helper()
	var specs []*load.SpecInfo
	for _, file := range []string{base, revision} {
		spec, err := openapi3.NewLoader().LoadFromFile(file)
		if err != nil {
			return false, false // made for oasdiff's own loader
		}
		specs = append(specs, &load.SpecInfo{Url: file, Spec: spec})
	}
	report, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), specs[0], specs[1])
	if err != nil {
		return false, false
	}
	changes := checker.CheckBackwardCompatibility(checker.NewConfig(checker.GetAllChecks()), report, sources)
	return changes.HasLevelOrHigher(checker.ERR), true
}

func pairByUs(t *testing.T, base, revision string) bool {
	t.Helper()
	var docs []*Doc
	for _, file := range []string{base, revision} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := Parse(content, true)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		docs = append(docs, doc)
	}
	list, err := Breaking(docs[0], docs[1], "X-CSRF-Token")
	if err != nil {
		t.Fatalf("%s: %v", base, err)
	}
	return len(list) > 0
}
