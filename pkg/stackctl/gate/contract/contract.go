// Package contract owns gate G2: the running API is the committed contract. It
// must not know the other families.
package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

const (
	artifact = "openapi.json"
	diffJSON = "openapi-diff.json"
	diffText = "openapi-diff.txt"
	// wait bounds the reading of the running contract.
	wait = 15 * time.Second
)

// Static judges the committed contract by itself and against the
// release before.
func Static() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G2", Name: "contract file", Phase: stack.PhaseStatic,
		Question: "Is the committed API contract valid, and does it decide security and errors for every operation?",
		Refs:     []string{"SPEC A12", "SPEC A13", "SPEC D1", "ASVS 4.1.4", "ASVS 8.1.1"},
		Inspects: "every operation of the committed contract: security, operationId, documented refusals, problem+json",
		Check: func(_ context.Context, s gate.Subject) (gate.Answer, error) {
			return file(s)
		},
	}
}

// Runtime compares what runs with what is committed.
func Runtime() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G2", Name: "running contract", Phase: stack.PhasePre,
		Question:  "Is what runs the committed contract, and can clients of the release before live with it?",
		Refs:      []string{"SPEC A12", "SPEC D4", "SPEC D6", "ASVS 4.1.4", "ASVS 13.4.5"},
		Inspects:  "every operation of the running contract against the committed one and the release before; an answer of each open GET",
		Artifacts: []string{artifact, diffJSON, diffText},
		Check:     run,
	}
}

func finding(s gate.Subject, d openapi.Difference, fix string) stack.Finding {
	subject := d.Subject
	problem := d.Problem
	if d.Where != "" {
		problem += " (" + d.Where + ")"
	}
	return stack.Finding{Rule: cmp.Or(d.Rule, driftRule.ID), Subject: subject, Problem: problem, Expected: d.Expected, Observed: d.Observed, Fix: fix, File: s.Config.Contract.File}
}

const none = "stackctl.yaml names no contract.file"

func absent(s gate.Subject) bool {
	return len(s.Release.Contract) == 0 && s.Config.Contract.File == ""
}

// file looks at the committed document alone.
func file(s gate.Subject) (gate.Answer, error) {
	a := gate.Answer{Of: "operations"}
	if absent(s) {
		return gate.Answer{Skip: none}, nil
	}
	if len(s.Release.Contract) == 0 && s.Config.Contract.File != "" {
		a.Inspected = 1
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", "an empty file", ""))
		return a, nil
	}
	if len(s.Release.Contract) == 0 {
		return a, errors.New("read the committed contract: the release holds none; set contract.file in stackctl.yaml")
	}
	doc, err := openapi.Parse(s.Release.Contract, true)
	if err != nil {
		a.Inspected = 1
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", err.Error(), ""))
		return a, nil
	}
	a.Inspected = len(doc.Operations())
	if err := valid(s.Release.Contract); err != nil {
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", stack.Short(err.Error(), 400), ""))
	}
	ids := map[string]string{}
	for _, o := range doc.Operations() {
		for _, d := range append(rules(doc, o, s.Config.Gates.Auth.Header), own(s, doc, o)...) {
			a.Findings = append(a.Findings, finding(s, d, "say it in the contract"))
		}
		id, _ := o.Op["operationId"].(string)
		if other := ids[id]; id != "" && other != "" {
			a.Findings = append(a.Findings, finding(s, openapi.Difference{Subject: o.Name(), Where: "operationId", Rule: operationIDRule.ID, Problem: "operationId used twice", Expected: "one operation per id", Observed: id + ", also of " + other}, "name it differently"))
		}
		ids[id] = o.Name()
	}
	a.Findings = append(a.Findings, holds(s, doc)...)
	return a, nil
}

func contractBad(s gate.Subject, subject, observed, evidence string) stack.Finding {
	return stack.Finding{
		Subject: subject, Rule: documentRule.ID, Problem: "not a usable OpenAPI document", Evidence: evidence,
		Expected: "a valid, self-contained OpenAPI 3 document with paths", Observed: observed,
		Fix: "correct " + subject, File: s.Config.Contract.File,
	}
}

// valid is kin-openapi's judgement. References out of the document
// are refused.
func valid(content []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the validator broke on it: %v", r)
		}
	}()
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(content)
	if err != nil {
		return err
	}
	return doc.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation())
}

// rules is what one operation of the committed contract must say.
func rules(d *openapi.Doc, o openapi.Operation, csrf string) []openapi.Difference {
	var list []openapi.Difference
	add := func(rule stack.Rule, where, problem, expected, observed string) {
		list = append(list, openapi.Difference{Subject: o.Name(), Where: where, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed})
	}
	if id, _ := o.Op["operationId"].(string); id == "" {
		add(operationIDRule, "operationId", "no operationId", "a stable operationId", "none")
	}
	_, own := o.Op["security"].([]any)
	global, _ := d.Root["security"].([]any)
	if !own && len(global) == 0 {
		add(securityDecidedRule, "security", "security is not decided", "security on the operation ([] where it is open) or on the document", "neither")
	}
	for _, way := range d.Security(o) {
		if strings.Contains(way, "undefined scheme") {
			add(securityDecidedRule, "security", "security scheme is not defined", "a scheme under components.securitySchemes", way)
		}
	}
	guarded := d.Guarded(o, csrf)
	if !guarded && o.Admin() {
		add(guardedRule, "security", "unguarded operation", "a guard, since its path or tags speak of administration", strings.Join(d.Security(o), " or "))
	}
	responses, _ := o.Op["responses"].(map[string]any)
	status := func(codes ...string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { _, ok := responses[c]; return ok })
	}
	if !slices.ContainsFunc(openapi.Keys(responses), func(c string) bool { return strings.HasPrefix(c, "2") || strings.HasPrefix(c, "3") }) && !status("default") {
		add(responsesRule, "responses", "no successful response", "a response of 2xx or 3xx", strings.Join(openapi.Keys(responses), ", "))
	}
	if guarded && !status("401", "4XX", "default") {
		add(responsesRule, "responses", "refusal not documented", "401 (the operation asks who the client is)", strings.Join(openapi.Keys(responses), ", "))
	}
	if slices.Contains([]string{"post", "put", "patch", "delete"}, o.Method) && !slices.ContainsFunc(openapi.Keys(responses), errorStatus) {
		add(responsesRule, "responses", "errors not documented", "a response of 4xx or default", strings.Join(openapi.Keys(responses), ", "))
	}
	return append(list, problems(d, o, responses)...)
}

func errorStatus(code string) bool {
	return strings.HasPrefix(code, "4") || strings.HasPrefix(code, "5") || code == "default"
}

// problems wants application/problem+json (RFC 9457) on each error
// response. A 503 that carries what the success carries is a health answer.
func problems(d *openapi.Doc, o openapi.Operation, responses map[string]any) []openapi.Difference {
	ok := map[string]any{}
	for _, code := range openapi.Keys(responses) {
		if strings.HasPrefix(code, "2") && len(ok) == 0 {
			ok = openapi.Media(d.Object(responses[code])["content"])
		}
	}
	var list []openapi.Difference
	for _, code := range openapi.Keys(responses) {
		if !errorStatus(code) {
			continue
		}
		content := openapi.Media(d.Object(responses[code])["content"])
		if _, has := content["application/problem+json"]; has {
			continue
		}
		if code == "503" && len(content) > 0 && d.SameContent(content, ok) {
			continue
		}
		list = append(list, openapi.Difference{Subject: o.Name(), Where: "responses/" + code, Rule: problemDetailsRule.ID, Problem: "error without problem details",
			Expected: "application/problem+json", Observed: strings.Join(openapi.Keys(content), ", ")})
	}
	return list
}

// source is the running contract and where it came from.
type source struct {
	content []byte
	from    string
	yaml    bool
	// bad is why what was got cannot be a contract.
	bad string
}

// read asks the API for its contract; where it serves none (production
// mode), the image itself.
func read(whole context.Context, s gate.Subject, client *http.Client, containers []stack.Container) (source, error) {
	ctx, cancel := context.WithTimeout(whole, s.Stretch(wait))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probe.Domain(s)+"/openapi.json", nil)
	if err != nil {
		return source{}, err
	}
	src := source{from: "GET /openapi.json"}
	reply, err := probe.Do(client, req, openapi.Limit)
	switch {
	case err != nil && !reply.Answered && answers(whole, s, client):
		src.bad = "no answer, while the API answers elsewhere: " + probe.Reason(err)
	case err != nil && !reply.Answered:
		return src, fmt.Errorf("read the running contract: GET /openapi.json: %s", probe.Reason(err))
	case err != nil:
		src.bad = "it did not end: " + probe.Reason(err)
	case reply.Status == http.StatusNotFound || reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden:
		return exec(ctx, s, containers[0])
	case reply.Status != http.StatusOK:
		src.bad = fmt.Sprintf("answered %d", reply.Status)
	case reply.Cut:
		src.bad = fmt.Sprintf("larger than %d MB", openapi.Limit>>20)
	default:
		kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
		if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			src.bad = fmt.Sprintf("the content type is %q, not JSON", stack.Short(reply.Header.Get("Content-Type"), 80))
		}
	}
	src.content = reply.Body
	return src, nil
}

// answers reports whether the API itself can be reached: then a contract
// that does not come is the API's fault, not the look's.
func answers(ctx context.Context, s gate.Subject, client *http.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probe.Domain(s)+"/zz-not-there", nil)
	if err != nil {
		return false
	}
	reply, _ := probe.Do(client, req, 64<<10) // any answer will do, cut ones too
	return reply.Answered
}

func exec(ctx context.Context, s gate.Subject, c stack.Container) (source, error) {
	command := s.Config.Contract.Command
	src := source{from: strings.Join(command, " ") + " in " + c.Service, yaml: true}
	if len(command) == 0 {
		return src, errors.New("read the running contract: the API serves none, and stackctl.yaml names no contract.command")
	}
	out, err := s.Server.Exec(ctx, c.ID, command...)
	if err != nil {
		return src, fmt.Errorf("read the running contract: %s: %w", src.from, err)
	}
	src.content = out.Stdout
	if out.Exit != 0 {
		src.bad = fmt.Sprintf("exit %d: %s", out.Exit, stack.Short(string(out.Stderr), 200))
	}
	return src, nil
}

// run judges the running contract.
func run(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	a := gate.Answer{Of: "operations and open paths"}
	if absent(s) {
		return gate.Answer{Skip: none}, nil
	}
	committed, err := openapi.Parse(s.Release.Contract, true)
	if err != nil {
		return a, fmt.Errorf("read the committed contract: %w", err)
	}
	service := s.Config.Contract.Service
	if service == "" {
		return gate.Answer{Skip: "stackctl.yaml names no contract.service that could serve the contract"}, nil
	}
	containers, err := probe.Containers(ctx, s, service)
	if err != nil {
		return a, err
	}
	port, err := probe.Port(s, service)
	if err != nil {
		return a, err
	}
	diffs := diffs{Before: before(s)}
	if err := againstBefore(s, committed, &diffs, &a); err != nil {
		return a, err
	}
	for i, c := range containers {
		client, err := probe.Inside(s, c, port)
		if err != nil {
			return a, err
		}
		defer client.CloseIdleConnections()
		src, err := read(ctx, s, client, []stack.Container{c})
		if err != nil {
			return a, err
		}
		a.Inspected++
		running := judge(s, src, committed, &diffs, &a)
		if i > 0 {
			continue // one copy of the evidence, and of the open paths, is enough
		}
		if err := keep(s, src, running, &diffs); err != nil {
			return a, err
		}
		if err := openPaths(ctx, s, client, committed, &a); err != nil {
			return a, err
		}
	}
	return a, nil
}

func before(s gate.Subject) string {
	if s.Before == nil || len(s.Before.Contract) == 0 {
		return ""
	}
	return s.Before.ID
}
