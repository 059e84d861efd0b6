package gate

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"stackctl/pkg/stackctl/stack"
)

const (
	contractArtifact = "openapi.json"
	contractDiffJSON = "openapi-diff.json"
	contractDiffText = "openapi-diff.txt"
	// contractWait bounds the reading of the running contract.
	contractWait = 15 * time.Second
)

// contractStatic judges the committed contract by itself and against the
// release before.
func contractStatic() Gate {
	return Gate{
		ID: "G2", Name: "contract file", Phase: stack.PhaseStatic,
		Question: "Is the committed API contract valid, and does it decide security and errors for every operation?",
		Refs:     []string{"SPEC A12", "SPEC A13", "SPEC D1", "ASVS 4.1.4", "ASVS 8.1.1"},
		Inspects: "every operation of the committed contract: security, operationId, documented refusals, problem+json",
		Check: func(_ context.Context, s Subject) (Answer, error) {
			return contractFile(s)
		},
	}
}

// contractRuntime compares what runs with what is committed.
func contractRuntime() Gate {
	return Gate{
		ID: "G2", Name: "running contract", Phase: stack.PhasePre,
		Question:  "Is what runs the committed contract, and can clients of the release before live with it?",
		Refs:      []string{"SPEC A12", "SPEC D4", "SPEC D6", "ASVS 4.1.4", "ASVS 13.4.5"},
		Inspects:  "every operation of the running contract against the committed one and the release before; an answer of each open GET",
		Artifacts: []string{contractArtifact, contractDiffJSON, contractDiffText},
		Check:     contractRun,
	}
}

func contractFinding(s Subject, d g2Difference, fix string) stack.Finding {
	subject := d.Subject
	problem := d.Problem
	if d.Where != "" {
		problem += " (" + d.Where + ")"
	}
	return stack.Finding{Subject: subject, Problem: problem, Expected: d.Expected, Observed: d.Observed, Fix: fix, File: s.Config.Contract.File}
}

const contractNone = "stackctl.yaml names no contract, and the release has no service api"

func contractAbsent(s Subject) bool {
	return len(s.Release.Contract) == 0 && probeAbsent(s, s.Config.Contract.File != "", "api")
}

// contractFile looks at the committed document alone.
func contractFile(s Subject) (Answer, error) {
	a := Answer{Of: "operations"}
	if contractAbsent(s) {
		return Answer{Skip: contractNone}, nil
	}
	if len(s.Release.Contract) == 0 && s.Config.Contract.File != "" {
		a.Inspected = 1
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", "an empty file", ""))
		return a, nil
	}
	if len(s.Release.Contract) == 0 {
		return a, errors.New("read the committed contract: the release holds none; set contract.file in stackctl.yaml")
	}
	doc, err := g2Parse(s.Release.Contract, true)
	if err != nil {
		a.Inspected = 1
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", err.Error(), ""))
		return a, nil
	}
	a.Inspected = len(doc.operations())
	if err := contractValid(s.Release.Contract); err != nil {
		a.Findings = append(a.Findings, contractBad(s, "the committed contract", stack.Short(err.Error(), 400), ""))
	}
	ids := map[string]string{}
	for _, o := range doc.operations() {
		for _, d := range append(g2Rules(doc, o, s.Config.Gates.Auth.Header), g2Own(s, doc, o)...) {
			a.Findings = append(a.Findings, contractFinding(s, d, "say it in the contract"))
		}
		id, _ := o.op["operationId"].(string)
		if other := ids[id]; id != "" && other != "" {
			a.Findings = append(a.Findings, contractFinding(s, g2Difference{o.name(), "operationId", "operationId used twice", "one operation per id", id + ", also of " + other}, "name it differently"))
		}
		ids[id] = o.name()
	}
	a.Findings = append(a.Findings, contractHolds(s, doc)...)
	return a, nil
}

func contractBad(s Subject, subject, observed, evidence string) stack.Finding {
	return stack.Finding{
		Subject: subject, Problem: "not a usable OpenAPI document", Evidence: evidence,
		Expected: "a valid, self-contained OpenAPI 3 document with paths", Observed: observed,
		Fix: "correct " + subject, File: s.Config.Contract.File,
	}
}

// contractValid is kin-openapi's judgement. References out of the document
// are refused.
func contractValid(content []byte) (err error) {
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

// g2Rules is what one operation of the committed contract must say.
func g2Rules(d *g2Doc, o g2Operation, csrf string) []g2Difference {
	var list []g2Difference
	add := func(where, problem, expected, observed string) {
		list = append(list, g2Difference{o.name(), where, problem, expected, observed})
	}
	if id, _ := o.op["operationId"].(string); id == "" {
		add("operationId", "no operationId", "a stable operationId", "none")
	}
	_, own := o.op["security"].([]any)
	global, _ := d.root["security"].([]any)
	if !own && len(global) == 0 {
		add("security", "security is not decided", "security on the operation ([] where it is open) or on the document", "neither")
	}
	for _, way := range d.security(o) {
		if strings.Contains(way, "undefined scheme") {
			add("security", "security scheme is not defined", "a scheme under components.securitySchemes", way)
		}
	}
	guarded := d.guarded(o, csrf)
	if !guarded && o.admin() {
		add("security", "unguarded operation", "a guard, since its path or tags speak of administration", strings.Join(d.security(o), " or "))
	}
	responses, _ := o.op["responses"].(map[string]any)
	status := func(codes ...string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { _, ok := responses[c]; return ok })
	}
	if !slices.ContainsFunc(g2Keys(responses), func(c string) bool { return strings.HasPrefix(c, "2") || strings.HasPrefix(c, "3") }) && !status("default") {
		add("responses", "no successful response", "a response of 2xx or 3xx", strings.Join(g2Keys(responses), ", "))
	}
	if guarded && !status("401", "4XX", "default") {
		add("responses", "refusal not documented", "401 (the operation asks who the client is)", strings.Join(g2Keys(responses), ", "))
	}
	if slices.Contains([]string{"post", "put", "patch", "delete"}, o.method) && !slices.ContainsFunc(g2Keys(responses), g2ErrorStatus) {
		add("responses", "errors not documented", "a response of 4xx or default", strings.Join(g2Keys(responses), ", "))
	}
	return append(list, g2Problems(d, o, responses)...)
}

func g2ErrorStatus(code string) bool {
	return strings.HasPrefix(code, "4") || strings.HasPrefix(code, "5") || code == "default"
}

// g2Problems wants application/problem+json (RFC 9457) on each error
// response. A 503 that carries what the success carries is a health answer.
func g2Problems(d *g2Doc, o g2Operation, responses map[string]any) []g2Difference {
	ok := map[string]any{}
	for _, code := range g2Keys(responses) {
		if strings.HasPrefix(code, "2") && len(ok) == 0 {
			ok = g2Media(d.object(responses[code])["content"])
		}
	}
	var list []g2Difference
	for _, code := range g2Keys(responses) {
		if !g2ErrorStatus(code) {
			continue
		}
		content := g2Media(d.object(responses[code])["content"])
		if _, has := content["application/problem+json"]; has {
			continue
		}
		if code == "503" && len(content) > 0 && g2SameContent(d, content, ok) {
			continue
		}
		list = append(list, g2Difference{o.name(), "responses/" + code, "error without problem details",
			"application/problem+json", strings.Join(g2Keys(content), ", ")})
	}
	return list
}

func g2SameContent(d *g2Doc, a, b map[string]any) bool {
	steps := 0
	c := &g2Comparer{want: d, got: d, seen: map[[2]uintptr]bool{}, steps: &steps}
	c.content("", a, b)
	return len(c.found) == 0
}

// contractSource is the running contract and where it came from.
type contractSource struct {
	content []byte
	from    string
	yaml    bool
	// bad is why what was got cannot be a contract.
	bad string
}

// contractRead asks the API for its contract; where it serves none (production
// mode), the image itself.
func contractRead(whole context.Context, s Subject, client *http.Client, containers []stack.Container) (contractSource, error) {
	ctx, cancel := context.WithTimeout(whole, s.stretch(contractWait))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probeDomain(s)+"/openapi.json", nil)
	if err != nil {
		return contractSource{}, err
	}
	src := contractSource{from: "GET /openapi.json"}
	reply, err := probeDo(client, req, g2Limit)
	switch {
	case err != nil && !reply.Answered && contractAnswers(whole, s, client):
		src.bad = "no answer, while the API answers elsewhere: " + probeReason(err)
	case err != nil && !reply.Answered:
		return src, fmt.Errorf("read the running contract: GET /openapi.json: %s", probeReason(err))
	case err != nil:
		src.bad = "it did not end: " + probeReason(err)
	case reply.Status == http.StatusNotFound || reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden:
		return contractExec(ctx, s, containers[0])
	case reply.Status != http.StatusOK:
		src.bad = fmt.Sprintf("answered %d", reply.Status)
	case reply.Cut:
		src.bad = fmt.Sprintf("larger than %d MB", g2Limit>>20)
	default:
		kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
		if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			src.bad = fmt.Sprintf("the content type is %q, not JSON", stack.Short(reply.Header.Get("Content-Type"), 80))
		}
	}
	src.content = reply.Body
	return src, nil
}

// contractAnswers says that the API itself can be reached: then a contract
// that does not come is the API's fault, not the look's.
func contractAnswers(ctx context.Context, s Subject, client *http.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, contractWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probeDomain(s)+"/zz-not-there", nil)
	if err != nil {
		return false
	}
	reply, _ := probeDo(client, req, 64<<10) // any answer will do, cut ones too
	return reply.Answered
}

func contractExec(ctx context.Context, s Subject, c stack.Container) (contractSource, error) {
	command := s.Config.Contract.Command
	src := contractSource{from: strings.Join(command, " ") + " in " + c.Service, yaml: true}
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

// contractRun judges the running contract.
func contractRun(ctx context.Context, s Subject) (Answer, error) {
	a := Answer{Of: "operations and open paths"}
	if contractAbsent(s) {
		return Answer{Skip: contractNone}, nil
	}
	committed, err := g2Parse(s.Release.Contract, true)
	if err != nil {
		return a, fmt.Errorf("read the committed contract: %w", err)
	}
	service := s.Config.Contract.Service
	if service == "" {
		service = "api"
	}
	containers, err := probeContainers(ctx, s, service)
	if err != nil {
		return a, err
	}
	port, err := probePort(s, service)
	if err != nil {
		return a, err
	}
	diffs := contractDiffs{Before: contractBefore(s)}
	if err := contractAgainstBefore(s, committed, &diffs, &a); err != nil {
		return a, err
	}
	for i, c := range containers {
		client, err := probeInside(s, c, port)
		if err != nil {
			return a, err
		}
		defer client.CloseIdleConnections()
		src, err := contractRead(ctx, s, client, []stack.Container{c})
		if err != nil {
			return a, err
		}
		a.Inspected++
		running := contractJudge(s, src, committed, &diffs, &a)
		if i > 0 {
			continue // one copy of the evidence, and of the open paths, is enough
		}
		if err := contractKeep(s, src, running, &diffs); err != nil {
			return a, err
		}
		if err := contractProbe(ctx, s, client, committed, &a); err != nil {
			return a, err
		}
	}
	return a, nil
}

func contractBefore(s Subject) string {
	if s.Before == nil || len(s.Before.Contract) == 0 {
		return ""
	}
	return s.Before.ID
}
