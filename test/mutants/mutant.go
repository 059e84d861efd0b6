package main

import (
	"fmt"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
	"stackctl/test/mutants/fault"
)

// mutant is one way to break a good deployment: what it changes, and the one
// rule that must catch it. The bench does the rest.
type mutant struct {
	name string
	// row is its number in the table of known broken deployments; 0: it is
	// not from there.
	row int
	// gates are the ones of which at least one must fail, such as "G1" or
	// "G5 G9". Two words stand beside them: "config" for a project that is
	// refused before any gate looks (exit code 2), "step" for a deploy whose
	// step fails (exit code 4).
	gates string
	// rule is the one that must catch it; empty where the gates are only the two
	// words: then nothing comes as far as a rule.
	rule string
	// also maps other rules that tell of the same break to the reason: what is
	// broken is more than one thing, or one thing that two rules ask about.
	also map[string]string
	// files changes the operator's project, a copy of this one.
	files func(p *project)
	// server breaks what runs; what it changes it undoes by server.undo.
	server func(s *server)
	// faults are what the api or the web service answers amiss.
	faults []fault.Rule
	// args is the command that judges. Without one: `check` where only files
	// change, else `verify`.
	args string
	// during runs as soon as the run's folder is there, with its path.
	during func(p *project, run string)
	// after alters the run's folder; then the evidence itself is judged.
	after func(p *project, run string)
}

// static reports whether it takes no running stack to judge the mutant.
func (m mutant) static() bool { return !m.runs() && m.command()[0] == "check" }

// runs reports whether the mutant breaks what runs.
func (m mutant) runs() bool { return m.server != nil || m.during != nil || m.faults != nil }

// only names the expected gates for the command: the others are asked where
// these miss.
func (m mutant) only() []string {
	return []string{"--gate", strings.Join(strings.Fields(m.gates), ",")}
}

func (m mutant) command() []string {
	switch {
	case m.args != "":
		return strings.Fields(m.args)
	case m.runs():
		return append([]string{"verify"}, m.only()...)
	}
	return []string{"check"}
}

// all is the whole table.
func all() []mutant {
	return slices.Concat(acmeFiles, contractFiles, exposureFiles, headerFiles, routeFiles, composeFiles, serviceFiles, secretFiles, evidenceMutants,
		certificates, contracts, healths, logins, exposures, schemas, jobs, headers, edges, containers, recreations, deploys)
}

// outcome is what became of one mutant.
type outcome struct {
	Name     string   `json:"name"`
	Row      int      `json:"row,omitempty"`
	Expected []string `json:"expected"`
	Command  string   `json:"command"`
	Caught   bool     `json:"caught"`
	// By are the gates that failed.
	By []string `json:"caught_by"`
	// Rules are those that findings of the failed gates came from.
	Rules []string `json:"rules"`
	// Others are those among them that the mutant neither names nor lists.
	Others []string `json:"other_rules,omitempty"`
	// Unjudged are the gates that could not judge: never a catch.
	Unjudged []string `json:"could_not_judge,omitempty"`
	Exit     int      `json:"exit_code"`
	// Said is the first finding of an expected gate, or why the run ended.
	Said   string  `json:"said,omitempty"`
	TookMS float64 `json:"took_ms"`
	// Broken is why the bench itself could not try the mutant, or could not
	// restore what it broke.
	Broken string `json:"broken,omitempty"`
}

// judge reads how a run ended. Caught means: an expected gate failed, by the
// rule that the mutant names and by no other that it does not list, and the
// command said so by its exit code. What breaks files alone is caught before a
// server is there, so that every rule that speaks is of the same look.
func (m mutant) judge(o *outcome, r stack.Report) {
	add := func(list *[]string, id string) {
		if !slices.Contains(*list, id) {
			*list = append(*list, id)
		}
	}
	for _, g := range r.Gates {
		switch g.Status {
		case stack.Failed:
			add(&o.By, g.ID)
			for _, f := range g.Findings {
				add(&o.Rules, f.Rule)
			}
			if o.Said == "" && slices.Contains(o.Expected, g.ID) {
				f := g.Findings[0]
				o.Said = fmt.Sprintf("%s: %s: %s", g.ID, f.Subject, f.Problem)
			}
		case stack.CouldNotJudge:
			add(&o.Unjudged, g.ID)
		case stack.Passed, stack.Skipped:
		}
	}
	switch o.Exit {
	case 2:
		add(&o.By, "config")
	case 4:
		add(&o.By, "step")
	}
	if o.Said == "" {
		o.Said = r.Reason
	}
	o.Caught = o.Exit != 0 && slices.ContainsFunc(o.Expected, func(id string) bool { return slices.Contains(o.By, id) }) &&
		(m.rule == "" || slices.Contains(o.Rules, m.rule))
	if o.Others = m.unlisted(o.Rules); m.static() && len(o.Others) > 0 {
		o.Caught = false
	}
}

// because lists rules with the one reason why they speak as well.
func because(reason string, rules ...string) map[string]string {
	out := map[string]string{}
	for _, rule := range rules {
		out[rule] = reason
	}
	return out
}

// unlisted are the rules that spoke and that the mutant neither names nor lists.
func (m mutant) unlisted(spoke []string) (out []string) {
	for _, rule := range spoke {
		if _, listed := m.also[rule]; rule != m.rule && !listed {
			out = append(out, rule)
		}
	}
	return out
}
