package report

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"stackctl/pkg/stackctl/stack"
)

var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// good is the report of a deploy that went well.
func good() stack.Report {
	r := stack.Report{
		Run: "20260314T092653Z-deploy-7c21", Verb: "deploy", Verdict: stack.VerdictGood, Project: "stack",
		Target: "production", Host: "deploy@203.0.113.7", URL: "https://shop.example", Release: "3f9ac01be27d",
		Commit: "9b1d5e7f0c3a", Before: "a1b2c3d4e5f6", Live: "3f9ac01be27d", Started: start, Took: ms(14870),
		Tools: map[string]string{"stackctl": "1.0.0", "docker": "20.10.24"},
	}
	steps := []struct {
		step       stack.Step
		from, took int
		detail     string
	}{
		{stack.Step{Kind: stack.StepGates, Subject: "static", Phase: stack.PhaseStatic, Cause: "files are judged first"}, 120, 410, ""},
		{stack.Step{Kind: stack.StepShipImage, Subject: "stackctl/server:dev", Cause: "the host lacks 1 of 1 layers"}, 1250, 2900, "9.8 MB sent, 1 layer"},
		{stack.Step{Kind: stack.StepShipFiles, Subject: "7 files", Cause: "release 3f9ac01be27d is new"}, 4160, 190, "7 written"},
		{stack.Step{Kind: stack.StepMigrate, Subject: "migrate", Cause: "schema 4, release wants 5"}, 4380, 1320, "1 migration"},
		{stack.Step{Kind: stack.StepStart, Subject: "web static api admin worker scheduler jobs-ui", Cause: "release 3f9ac01be27d is not running"}, 5720, 3510, "7 containers"},
		{stack.Step{Kind: stack.StepGates, Subject: "pre-switch", Phase: stack.PhasePre, Cause: "no user sees an unjudged release"}, 9260, 1240, ""},
		{stack.Step{Kind: stack.StepSwitch, Subject: "3f9ac01be27d", Cause: "a1b2c3d4e5f6 is live"}, 10520, 140, "live after 85 ms"},
		{stack.Step{Kind: stack.StepDrain, Subject: "a1b2c3d4e5f6", Cause: "no route points at it"}, 10670, 1100, "7 containers stopped"},
		{stack.Step{Kind: stack.StepGates, Subject: "post-switch", Phase: stack.PhasePost, Cause: "users see it now"}, 11790, 2600, ""},
		{stack.Step{Kind: stack.StepCommit, Subject: "3f9ac01be27d", Cause: "every gate passed"}, 14410, 60, ""},
	}
	for _, s := range steps {
		r.Steps = append(r.Steps, stack.StepResult{Step: s.step, Started: at(s.from), Took: ms(s.took), Detail: s.detail})
		r.Plan.Steps = append(r.Plan.Steps, s.step)
	}
	r.Plan.Release, r.Plan.Live = r.Release, r.Before
	r.Gates = []stack.GateResult{
		passed("G1", "ACME and TLS policy", "Does the edge use the staging authority alone?", stack.PhaseStatic, 12, "settings", 130, 60),
		passed("G9", "Compose and configuration", "Does every service keep the rules?", stack.PhaseStatic, 12, "services", 131, 240),
		passed("G2", "Contract", "Is the running API the committed one?", stack.PhasePre, 9, "operations", 9280, 610),
		passed("G6", "Schema", "Is the live schema what the migrations make?", stack.PhasePre, 47, "objects", 9282, 330),
		passed("G1", "ACME and TLS policy", "Is the served certificate from the staging authority?", stack.PhasePost, 5, "hosts", 11800, 210),
		passed("G3", "Health", "Is every endpoint fast and ready, and of this release?", stack.PhasePost, 3, "endpoints", 11801, 940),
		passed("G4", "Auth", "Does login work, and does what must be refused get refused?", stack.PhasePost, 23, "checks", 11803, 2520),
		passed("G5", "Exposure", "Are only the allowed ports reachable?", stack.PhasePost, 65535, "ports", 11804, 1830),
		passed("G8", "Headers and guards", "Does every answer carry its headers?", stack.PhasePost, 41, "answers", 11805, 760),
		passed("G10", "Evidence", "Are the artifacts complete, and free of secrets?", stack.PhasePost, 22, "artifacts", 14380, 40),
	}
	r.Gates[5].Latencies = []stack.Latency{
		latency("GET https://shop.example/api/health/ready", 60, 4, 5*time.Second, 1),
		latency("GET https://shop.example/", 60, 2, 5*time.Second, 2),
	}
	r.Unused = []stack.Exception{{Rule: "compose/user", Subject: "service pgadmin", Owner: "operations", Reason: "the image has changed since", Expires: "2026-04-20"}}
	r.Gates[3].Advice = []stack.Finding{{Rule: "compose/mem-limit", Level: stack.LevelStrict, Subject: "service worker", Problem: "no memory limit", Expected: "mem_limit", Observed: "none", Fix: "write mem_limit"}}
	r.Gates[4].Accepted = []stack.Finding{{Rule: "acme/served", Level: stack.LevelDanger, Subject: "host pgadmin.shop.example", Problem: "the certificate expires in 6 days", Expected: "at least 7 days",
		Observed: "6 days", Exception: &stack.Exception{Rule: "acme/served", Subject: "host pgadmin.shop.example", Owner: "operations", Reason: "renewal is planned for Monday", Expires: "2026-03-20"}}}
	r.Gates = append(r.Gates, stack.GateResult{ID: "G7", Name: "Jobs", Question: "Does a job go through queue and worker?", Phase: stack.PhasePost,
		Status: stack.Skipped, Reason: "changes the site; give --all-tests or allow it for this target"})
	r.Artifacts = map[string]string{"celery-ping.json": "gate G7 was skipped", "celery-result.json": "gate G7 was skipped"}
	for i, name := range []string{"api-health.json", "certificate.pem", "compose.resolved.yml", "headers.json", "plan.txt", "run.jsonl"} {
		r.Manifest = append(r.Manifest, stack.FileSum{Path: name, Bytes: int64(900 + 7000*i), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(name)))})
	}
	return r
}

func passed(id, name, question string, phase stack.Phase, n int, of string, from, took int) stack.GateResult {
	return stack.GateResult{ID: id, Name: name, Question: question, Phase: phase, Refs: []string{"SPEC §7"}, Status: stack.Passed,
		Inspected: n, Of: of, Started: at(from), Took: ms(took), Rerun: "stackctl verify --gate " + id}
}

// latency makes n samples around a median, with a tail.
func latency(endpoint string, n int, median float64, threshold time.Duration, seed uint64) stack.Latency {
	rnd := rand.New(rand.NewPCG(seed, 9))
	l := stack.Latency{Endpoint: endpoint, Threshold: threshold}
	for range n {
		l.Samples = append(l.Samples, time.Duration(median*math.Exp(rnd.NormFloat64()*0.45)*1e6))
	}
	l.P50, l.P95, l.Max = time.Duration(median*1e6), time.Duration(median*2.1e6), time.Duration(median*3.2e6)
	return l
}

// bad is the report of a deploy that was rolled back.
func bad() stack.Report {
	r := good()
	r.Verdict, r.ExitCode, r.RolledBack, r.Live = stack.VerdictGateFailed, 1, true, r.Before
	r.Reason = "2 gates failed after the switch: G3 Health, G8 Headers and guards"
	r.Fix = "see the findings; the release before serves again"
	r.Gates[5].Status = stack.Failed
	r.Gates[5].Findings = []stack.Finding{{Rule: "health/latency", Level: stack.LevelStrict, Subject: "GET /api/health/ready", Problem: "p95 is over the limit", Expected: "p95 ≤ 250 ms over 60 samples",
		Observed: "p95 = 410 ms; 2 of 60 requests failed", Evidence: "api-health.json", Fix: "look at the slow queries of release 3f9ac01be27d, or raise gates.health[0].p95", File: "stackctl.yaml", Line: 41}}
	r.Gates[5].Latencies[0] = latency("GET https://shop.example/api/health/ready", 60, 150, 250*time.Millisecond, 3)
	r.Gates[5].Latencies[0].Errors = 2
	r.Gates[5].Attempts = []stack.Attempt{{At: at(11801), Result: "ready"}}
	r.Gates[8].Status = stack.Failed
	r.Gates[8].Findings = []stack.Finding{
		{Rule: "headers/nosniff", Level: stack.LevelStrict, Subject: "404 https://shop.example/api/nothing", Problem: "no nosniff on an error answer", Expected: "X-Content-Type-Options: nosniff", Observed: "header absent",
			Evidence: "headers.json", Fix: "add the middleware public-headers to router api", File: "traefik/dynamic/routes.yml", Line: 18},
		{Rule: "headers/hsts", Level: stack.LevelStrict, Subject: "301 http://shop.example/", Problem: "no Strict-Transport-Security", Expected: "max-age of a year or more", Observed: "max-age=300", Evidence: "headers.json", Fix: "raise stsSeconds"},
	}
	r.Gates[2].Status = stack.CouldNotJudge
	r.Gates[2].Reason = "read https://shop.example/api/openapi.json: the answer never ended (8 MiB read)"
	r.Steps[4].Error = "start api: not healthy after 60 s\nlast state: starting, 60 failed checks"
	r.Logs = map[string]string{"api": "level=error msg=\"connect to database\" err=\"no such host\"\nlevel=info msg=\"exit\" code=1\n"}
	return r
}

// evil is a script tag and everything that could steer a reader.
const evil = "<script>alert(1)</script>\x1b[31m\x1b]0;owned\x07 `code` | ![x](http://h) @all \u202egnp ]]> & \"'><img src=x onerror=alert(2)>\x00\n# heading\n- list"

// hostile has evil text in every field that comes from outside.
func hostile() stack.Report {
	r := bad()
	for _, s := range []*string{&r.Run, &r.Verb, &r.Reason, &r.Fix, &r.Project, &r.Target, &r.Host, &r.URL, &r.Release, &r.Commit, &r.Before, &r.Live} {
		*s = evil
	}
	r.RolledBack = false
	r.Verdict = stack.Verdict(evil)
	r.Tools = map[string]string{evil: evil}
	r.Logs = map[string]string{evil: evil}
	r.Artifacts = map[string]string{evil: evil}
	r.Manifest = []stack.FileSum{{Path: evil, SHA256: evil}}
	r.Plan.Notes = []string{evil}
	for i := range r.Steps {
		st := &r.Steps[i]
		st.Error, st.Detail, st.Step.Subject, st.Step.Cause, st.Step.Kind = evil, evil, evil, evil, stack.Kind(evil)
	}
	for i := range r.Gates {
		g := &r.Gates[i]
		g.ID, g.Name, g.Question, g.Reason, g.Of, g.Rerun, g.Phase = evil, evil, evil, evil, evil, evil, stack.Phase(evil)
		f := stack.Finding{Rule: evil, Level: stack.Level(evil), Subject: evil, Problem: evil, Expected: evil, Observed: evil, Evidence: evil, Fix: evil, File: evil, Line: 3,
			Exception: &stack.Exception{Rule: evil, Subject: evil, Owner: evil, Reason: evil, Expires: evil}}
		g.Findings, g.Accepted, g.Advice = []stack.Finding{f}, []stack.Finding{f}, []stack.Finding{f}
		for k := range g.Latencies {
			g.Latencies[k].Endpoint = evil
		}
	}
	return r
}
