package evidence

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"sort"

	"stackctl/pkg/stackctl/stack"
)

// The artifacts that a run itself writes.
const (
	runLog      = "run.jsonl"
	manifest    = "manifest.json"
	attestation = "attestation.dsse.json"
)

// reports are made from the stack.Report when the run is closed.
var reports = []string{"report.json", "report.html", "report.md", "junit.xml"}

// required are the other artifacts that every run holds (SPEC §8).
var required = []string{
	"plan.txt", "compose.resolved.yml", "images.json",
	"schema-compat-check.json", "schema-compat-check.txt",
	"traefik-static.yml", "traefik-dynamic.yml", "certificate.pem", "certificate.json",
	"api-health.json", "openapi.json", "openapi-diff.json", "openapi-diff.txt",
	"auth-flow.json", "exposure.json", "headers.json",
	"celery-ping.json", "celery-result.json",
}

// Names are the artifacts of every run, sorted.
func Names() []string {
	out := slices.Concat(reports, required, []string{runLog, manifest, attestation})
	sort.Strings(out)
	return out
}

// extra is how an artifact beyond the list may be called: lower case, one
// level, a known ending.
var extra = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}(\.[a-z0-9-]{1,32}){0,2}\.(json|jsonl|txt|yml|yaml|pem|xml|md|html|log|png|har)$`)

// reserved names are written by the run itself.
var reserved = slices.Concat(reports, []string{runLog, manifest, attestation})

// checkName refuses a name that Artifact must not write.
func checkName(name string) error {
	if slices.Contains(reserved, name) {
		return fmt.Errorf("%q is written by the run itself", name)
	}
	if !extra.MatchString(name) {
		return fmt.Errorf("%q is no artifact name: lower-case letters, digits and dashes, with an ending such as .json or .txt", name)
	}
	return nil
}

// absent is what an artifact holds that nothing wrote: the reason, in a shape
// that readers of its type accept.
func absent(name, reason string) []byte {
	switch filepath.Ext(name) {
	case ".json":
		b, _ := json.MarshalIndent(map[string]any{"absent": true, "reason": reason}, "", "  ") // two plain values always encode
		return append(b, '\n')
	case ".yml", ".yaml", ".pem":
		return []byte("# absent: " + oneLine(reason) + "\n")
	}
	return []byte("absent: " + oneLine(reason) + "\n")
}

// why says for an artifact that nothing wrote why it holds nothing.
func why(name string, r stack.Report) string {
	if reason := r.Artifacts[name]; reason != "" {
		return reason
	}
	gate := madeBy[name]
	for _, g := range r.Gates {
		if g.ID != gate || gate == "" {
			continue
		}
		switch g.Status {
		case stack.Skipped:
			return fmt.Sprintf("gate %s was skipped: %s", g.ID, g.Reason)
		case stack.CouldNotJudge:
			return fmt.Sprintf("gate %s could not judge: %s", g.ID, g.Reason)
		default:
			return fmt.Sprintf("gate %s (%s) ended as %s without it", g.ID, g.Phase, g.Status)
		}
	}
	if r.Reason != "" {
		return "the run ended before it was made: " + r.Reason
	}
	if gate != "" {
		return fmt.Sprintf("gate %s did not run", gate)
	}
	return fmt.Sprintf("a run of %q does not make it", r.Verb)
}

// madeBy is which gate writes an artifact.
var madeBy = map[string]string{
	"schema-compat-check.json": "G6", "schema-compat-check.txt": "G6",
	"certificate.pem": "G1", "certificate.json": "G1",
	"api-health.json": "G3", "openapi.json": "G2", "openapi-diff.json": "G2", "openapi-diff.txt": "G2",
	"auth-flow.json": "G4", "exposure.json": "G5", "headers.json": "G8",
	"celery-ping.json": "G7", "celery-result.json": "G7",
}
