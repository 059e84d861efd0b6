// Package schemas owns gate G6: the live database is what the migrations make.
// It must not know the other families.
package schemas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/schema"
	"stackctl/pkg/stackctl/stack"
)

// cross holds the release's word against the database's.
func cross(w *schemaWord, c *schema.Catalog) []stack.Finding {
	if c.Tables() == 0 {
		return []stack.Finding{finding(tablesRule, "database", "the database has no tables", "the tables that the migrations make", "none",
			"see whether the migrations ran on this database")}
	}
	if w == nil || w.Status != "ok" {
		return nil
	}
	// The migrations' own bookkeeping is the least that a check may leave out.
	if least := c.Tables() - 2; w.Objects.count < least {
		return []stack.Finding{finding(checkRule, "schema check", "the check looked at less than there is",
			fmt.Sprintf("at least %d objects: the catalog has %d tables with %d columns", least, c.Tables(), len(c.Columns)),
			fmt.Sprint(w.Objects.count), "let the check compare every table, column, constraint and index")}
	}
	return nil
}

const (
	artifact = "schema-compat-check.json"
	text     = "schema-compat-check.txt"
)

// Live judges the live database after the migrations.
func Live() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G6", Name: "schema", Phase: stack.PhasePre,
		Question:  "Is the live schema what the migrations make, with none pending, and can the release before work with it?",
		Refs:      []string{"SPEC A15", "SPEC S12", "SPEC D6", "ASVS 15.2.1"},
		Inspects:  "every object of the live schema, by the release's own check and by the database's catalog; the release before",
		Artifacts: []string{artifact, text},
		Check:     check,
	}
}

// schemaWord is what the release's own check prints.
type schemaWord struct {
	Status      string            `json:"status"`
	Stamped     *int64            `json:"stamped"`
	Head        *int64            `json:"head"`
	Pending     []json.RawMessage `json:"pending"`
	Objects     objects           `json:"objects"`
	Differences []difference      `json:"differences"`
	// Ahead lists what a newer release added that this one can live with: a
	// rollback leaves the schema as it is.
	Ahead []json.RawMessage `json:"ahead,omitempty"`
}

// rolledBack reports whether the schema is a newer release's, and why that is fine.
func (w schemaWord) rolledBack() bool {
	return *w.Stamped > *w.Head && w.Status == "ok" && len(w.Ahead) > 0
}

type difference struct {
	Object   string `json:"object"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

// objects is a count, or the list that it counts.
type objects struct{ count int }

// UnmarshalJSON takes a number, or an array or object whose members count.
func (o *objects) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(b, &o.count) == nil:
		return nil
	case json.Unmarshal(b, &list) == nil:
		o.count = len(list)
		return nil
	case json.Unmarshal(b, &members) == nil:
		o.count = len(members)
		return nil
	}
	return errors.New("objects is neither a count nor a list")
}

// MarshalJSON returns the count.
func (o objects) MarshalJSON() ([]byte, error) { return json.Marshal(o.count) }

// evidence is the artifact. The catalog of this release is what the
// next one is compared with.
type evidence struct {
	Release string          `json:"release"`
	Command []string        `json:"command"`
	Exit    int             `json:"exit"`
	Check   *schemaWord     `json:"check"`
	Catalog *schema.Catalog `json:"catalog,omitempty"`
	Why     string          `json:"catalog_missing,omitempty"`
	Before  string          `json:"before,omitempty"`
	Found   []stack.Finding `json:"findings"`
}

func check(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	a := gate.Answer{Of: "schema objects"}
	conf := s.Config.Gates.Schema
	if len(conf.Command) == 0 {
		return gate.Answer{Skip: "stackctl.yaml names no gates.schema.command"}, nil
	}
	containers, err := probe.Containers(ctx, s, conf.Service)
	if err != nil {
		return a, err
	}
	out, err := s.Server.Exec(ctx, containers[0].ID, conf.Command...)
	if err != nil {
		return a, fmt.Errorf("check the schema: run %s in %s: %w", strings.Join(conf.Command, " "), conf.Service, err)
	}
	e := evidence{Release: s.Release.ID, Command: conf.Command, Exit: out.Exit}
	word, bad := parse(out)
	if bad != "" {
		e.Found = append(e.Found, finding(checkRule, "schema check", "the check has not judged", "one JSON document about the live schema", bad,
			"run "+strings.Join(conf.Command, " ")+" in "+conf.Service+" by hand"))
	} else {
		e.Check = word
		a.Inspected = word.Objects.count
		e.Found = append(e.Found, judge(word, out.Exit)...)
	}
	catalog, err := look(ctx, s)
	if err != nil {
		e.Why = err.Error()
	} else {
		e.Catalog = catalog
		a.Inspected = max(a.Inspected, len(catalog.Columns))
		e.Found = append(e.Found, cross(word, catalog)...)
	}
	found, beforeErr := before(s, &e)
	e.Found = append(e.Found, found...)
	if a.Inspected == 0 && len(e.Found) > 0 {
		a.Inspected = 1 // the check itself was looked at
	}
	a.Findings = e.Found
	return a, errors.Join(beforeErr, keep(s, e))
}

// parse reads the check's word; bad says why it is none.
func parse(out stack.Output) (word *schemaWord, bad string) {
	text := bytes.TrimSpace(out.Stdout)
	switch {
	case len(text) == 0:
		return nil, fmt.Sprintf("it printed nothing (exit %d): %s", out.Exit, stack.Short(strings.TrimSpace(string(out.Stderr)), 200))
	case len(text) > schema.Limit:
		return nil, "it printed more than 4 MB"
	}
	word = &schemaWord{}
	if err := json.Unmarshal(text, word); err != nil {
		return nil, fmt.Sprintf("not the JSON document that was asked for (exit %d): %s", out.Exit, stack.Short(err.Error(), 120))
	}
	return word, ""
}

func finding(rule stack.Rule, subject, problem, expected, observed, fix string) stack.Finding {
	return stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Evidence: artifact, Fix: fix}
}

// judge judges what the check says, and whether it agrees with itself.
func judge(w *schemaWord, exit int) []stack.Finding {
	var list []stack.Finding
	add := func(rule stack.Rule, subject, problem, expected, observed, fix string) {
		list = append(list, finding(rule, subject, problem, expected, observed, fix))
	}
	for _, d := range w.Differences {
		add(differsRule, stack.Short(d.Object, 200), "live schema differs: "+stack.Short(d.Problem, 200), said(d.Expected), said(d.Observed),
			"write a migration that makes the schema what it must be, or restore the object")
	}
	for _, p := range w.Pending {
		add(pendingRule, "migration "+stack.Short(strings.Trim(string(p), `"`), 80), "migration pending", "none pending", "not applied", "run the migrate service again and read its log")
	}
	switch {
	case w.Stamped == nil || w.Head == nil:
		add(checkRule, "schema check", "the check does not say which migration is stamped", "stamped and head", "not there", "let the check print both")
	case *w.Stamped != *w.Head && !w.rolledBack():
		add(pendingRule, "migrations", "the database is not stamped at the newest migration", fmt.Sprint(*w.Head), fmt.Sprint(*w.Stamped), "run the migrate service again and read its log")
	case *w.Head <= 0:
		add(pendingRule, "migrations", "there are no migrations", "a newest migration", fmt.Sprint(*w.Head), "see whether the image carries its migrations")
	}
	if w.Objects.count <= 0 {
		add(checkRule, "schema check", "the check inspected nothing", "at least one object", fmt.Sprint(w.Objects.count), "see whether it looks at the right database and schema")
	}
	bad := len(w.Differences)+len(w.Pending) > 0
	switch {
	case w.Status != "ok" && !bad:
		add(checkRule, "schema check", "the check does not say ok", `status "ok"`, fmt.Sprintf("status %q", stack.Short(w.Status, 60)), "run it by hand")
	case w.Status == "ok" && bad:
		add(checkRule, "schema check", "the check contradicts itself", `a status other than "ok" where it finds something`, `status "ok"`, "correct the check")
	}
	if (exit == 0) != (w.Status == "ok") {
		add(checkRule, "schema check", "exit code and status disagree", "exit 0 exactly with status ok", fmt.Sprintf("exit %d, status %q", exit, stack.Short(w.Status, 60)), "correct the check")
	}
	return list
}

// said is one side of a difference.
func said(text string) string {
	if text == "" {
		return "nothing"
	}
	return stack.Short(text, 300)
}

// before compares the live catalog with that of the release before.
func before(s gate.Subject, e *evidence) ([]stack.Finding, error) {
	if s.Before == nil || len(s.Before.Schema) == 0 || e.Catalog == nil {
		return nil, nil
	}
	if len(s.Before.Schema) > schema.Limit {
		return nil, fmt.Errorf("read the schema of release %s: larger than 4 MB", s.Before.ID)
	}
	var before evidence
	if err := json.Unmarshal(s.Before.Schema, &before); err != nil {
		return nil, fmt.Errorf("read the schema of release %s: %w", s.Before.ID, err)
	}
	if before.Catalog == nil {
		return nil, nil // kept by a release whose catalog could not be read
	}
	e.Before = s.Before.ID
	var out []stack.Finding
	for _, m := range schema.Compatible(before.Catalog, e.Catalog) {
		out = append(out, finding(releaseBeforeRule, m.Object, "release "+s.Before.ID+" cannot work with it: "+m.Problem, m.Expected, m.Observed,
			"expand first and contract one release later: add beside the old, and remove it when no release needs it"))
	}
	return out, nil
}

func keep(s gate.Subject, e evidence) error {
	if s.Artifacts == nil {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "release %s, %s: exit %d\n", e.Release, strings.Join(e.Command, " "), e.Exit)
	if w := e.Check; w != nil {
		fmt.Fprintf(&b, "status %s, %d objects, %d differences, %d pending\n", stack.Short(w.Status, 60), w.Objects.count, len(w.Differences), len(w.Pending))
		if w.Stamped != nil && w.Head != nil {
			fmt.Fprintf(&b, "stamped %d, head %d\n", *w.Stamped, *w.Head)
		}
	}
	if c := e.Catalog; c != nil {
		fmt.Fprintf(&b, "the catalog has %d tables, %d columns, %d constraints, %d indexes\n", c.Tables(), len(c.Columns), c.Constraints, c.Indexes)
	} else {
		fmt.Fprintf(&b, "the catalog was not read: %s\n", e.Why)
	}
	if e.Before != "" {
		fmt.Fprintf(&b, "compared with release %s\n", e.Before)
	}
	for _, f := range e.Found {
		fmt.Fprintf(&b, "- %s: %s; expected %s, observed %s\n", f.Subject, f.Problem, f.Expected, f.Observed)
	}
	if len(e.Found) == 0 {
		b.WriteString("no finding\n")
	}
	return errors.Join(probe.JSON(s, artifact, e), s.Artifacts.Artifact(text, []byte(b.String())))
}
