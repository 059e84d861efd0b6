package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/stack"
)

// unitTested are the rules that no mutant names, each with the test that breaks
// what the rule guards: what they ask about cannot be broken from outside
// without a second release, a provider of sign-ins or a clock of one's own.
var unitTested = map[string]string{
	// Comparing releases takes two.
	"contract/breaks-clients": "contract.TestContractArtifactsAreReadable",
	"schema/release-before":   "schemas.TestSchemaCatchesWhatTheReleaseBeforeCannotLiveWith",
	// The schema check of the droplet's own server never lies; a fake one does.
	"schema/check":  "schemas.TestSchemaCatches",
	"schema/tables": "schemas.TestSchemaCatchesAnEmptyDatabaseBehindAGoodWord",
	// The droplet has no provider of sign-ins.
	"auth/oauth-redirect": "auth.TestProviderSignIn",
	"auth/oauth-callback": "auth.TestProviderSignIn",
	// A site without these steps does not get as far as being deployed.
	"auth/csrf-token": "auth.TestAuthCatches",
	"auth/sign-up":    "auth.TestAuthCatches",
	"auth/logout":     "auth.TestAuthCatches",
	// The edge answers before a service could fail on an odd path.
	"headers/odd-paths": "headers.TestHeadersServedCatches",
	// The droplet's edge keeps its API from its own networks as well.
	"headers/inside-api": "headers.TestHeadersServedCatches",
	// Hashes that no password opens would take a secret of the good deployment.
	"headers/staff-works": "headers.TestHeadersServedCatches",
	// These take a site that refuses its own probes, or a ping of another kind.
	"health/samples": "health.TestHealthCatches",
	"jobs/dashboard": "jobs.TestJobsCatch",
	// The bench's own stack declares no port beside the edge's.
	"exposure/silent-port": "exposure.TestExposureReachableCatches",
	// Where the bench's own API shows its figures, it is the API's gate that tells (auth/inside-pages).
	"headers/public-metrics": "headers.TestHeadersServedCatches",
	// A file that cannot be read is refused before any gate looks.
	"acme/readable": "acme.TestACMEStaticCatches",
	// The bench's own database is none of elsewhere.
	"compose/store-tls": "compose.TestTheClientOfADatabaseElsewhere",
	// The droplet's database keeps what nobody may switch off there, and can be asked.
	"stores/durability": "stores.TestPostgresIsAskedWhatItIs",
	"stores/asked":      "stores.TestAStoreThatCannotBeAskedIsTold",
	// The step of a deploy that runs a hook tells of it, not a gate.
	"hooks/after": "deploy.TestAFailingHookAfterIsAFinding",
	// These take a container that dies while gates ask, a second release, a fault of the site's own answers.
	"compose/steady":        "compose.TestSteadyCatchesWhatDoesNotRunOn",
	"compose/other-release": "compose.TestSteadyCatchesWhatDoesNotRunOn",
	"contract/release":      "contract.TestOpenPathsAnswerAsDocumented",
	"headers/trace":         "headers.TestHeadersServedCatches",
	"headers/secret-told":   "headers.TestASecretInAnAnswerIsSeenInAnyEncoding",
	// Every gate of the good deployment finds something to look at.
	"gate/inspected": "gate.TestRunTellsEachEndApart",
}

// TestEveryRuleHasABreak holds that each mutant names a rule that there is, and
// each rule a mutant or a unit test that there is.
func TestEveryRuleHasABreak(t *testing.T) {
	rules := gates.Rules(nil)
	known := func(id string) bool {
		return slices.ContainsFunc(rules, func(r stack.Rule) bool { return r.ID == id })
	}
	named := map[string]int{}
	for _, m := range all() {
		named[m.rule]++
		if early := m.gates == "config" || m.gates == "step"; early != (m.rule == "") {
			t.Errorf("%s: gates %q and rule %q", m.name, m.gates, m.rule)
		}
		for _, id := range append(also(m), m.rule) {
			if id != "" && !known(id) {
				t.Errorf("%s: there is no rule %s", m.name, id)
			}
		}
		for id, reason := range m.also {
			if reason == "" || id == m.rule {
				t.Errorf("%s: %s is listed without a reason", m.name, id)
			}
		}
	}
	for _, r := range rules {
		test, unit := unitTested[r.ID]
		switch {
		case named[r.ID] == 0 && !unit:
			t.Errorf("no mutant names %s, and no unit test", r.ID)
		case named[r.ID] > 0 && unit:
			t.Errorf("%s is named by a mutant: take it from the list of unit tests", r.ID)
		case unit && !exists(t, test):
			t.Errorf("%s: there is no test %s", r.ID, test)
		}
	}
	for id := range unitTested {
		if !known(id) {
			t.Errorf("there is no rule %s", id)
		}
	}
}

func also(m mutant) (ids []string) {
	for id := range m.also {
		ids = append(ids, id)
	}
	return ids
}

// exists reports whether a package of gates, or of stackctl, has a test, such as
// jobs.TestJobsCatch.
func exists(t *testing.T, test string) bool {
	t.Helper()
	family, name, _ := strings.Cut(test, ".")
	var files []string
	for _, at := range []string{filepath.Join("gate", family), family} {
		found, err := filepath.Glob(filepath.Join("..", "..", "pkg", "stackctl", at, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		raw, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(raw), "\nfunc "+name+"(")
	})
}

// TestRulesPerFamily prints the figures of the bench.
func TestRulesPerFamily(t *testing.T) {
	type figures struct{ danger, strict, mutants int }
	family := func(id string) string { name, _, _ := strings.Cut(id, "/"); return name }
	of := map[string]*figures{}
	for _, r := range gates.Rules(nil) {
		if of[family(r.ID)] == nil {
			of[family(r.ID)] = &figures{}
		}
		if r.Level == stack.LevelDanger {
			of[family(r.ID)].danger++
		} else {
			of[family(r.ID)].strict++
		}
	}
	for _, m := range all() {
		if f := of[family(m.rule)]; f != nil {
			f.mutants++
		}
	}
	for name, f := range of {
		t.Logf("%-9s %2d danger, %2d strict, %3d mutants", name, f.danger, f.strict, f.mutants)
	}
}
