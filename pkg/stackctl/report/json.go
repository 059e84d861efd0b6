package report

import (
	"encoding/json"
	"fmt"

	"stackctl/pkg/stackctl/stack"
)

// SchemaID names the published JSON Schema, docs/schema/report.schema.json.
const SchemaID = "https://stackctl.dev/schema/report/v2"

// document is report.json.
type document struct {
	Schema string `json:"$schema"`
	stack.Report
	Counts counts `json:"counts"`
}

// counts are always all of them, so that a reader need not guess.
type counts struct {
	Passed        int `json:"passed"`
	Failed        int `json:"failed"`
	CouldNotJudge int `json:"could_not_judge"`
	Skipped       int `json:"skipped"`
	// Advice counts findings, not gates.
	Advice int `json:"advice"`
}

// JSON is the report for machines; docs/schema/report.schema.json describes it.
func JSON(r stack.Report) ([]byte, error) {
	s := read(r)
	d := document{Schema: SchemaID, Report: filled(r), Counts: counts{
		Passed: len(s.Passed), Failed: len(s.Failed), CouldNotJudge: len(s.Unjudged), Skipped: len(s.Skipped), Advice: len(s.Advice)}}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report as JSON: %w", err)
	}
	return append(b, '\n'), nil
}

// filled is r with empty lists instead of null ones.
func filled(r stack.Report) stack.Report {
	if r.Tools == nil {
		r.Tools = map[string]string{}
	}
	r.Plan.Steps = some(r.Plan.Steps)
	r.Steps = some(r.Steps)
	r.Gates = append([]stack.GateResult{}, r.Gates...)
	for i := range r.Gates {
		g := &r.Gates[i]
		g.Refs = some(g.Refs)
		g.Latencies = append([]stack.Latency(nil), g.Latencies...)
		for k := range g.Latencies {
			g.Latencies[k].Samples = some(g.Latencies[k].Samples)
		}
	}
	return r
}

func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
