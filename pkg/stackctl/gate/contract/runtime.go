package contract

import (
	"context"
	"encoding/json"
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

// diffs is what openapi-diff.json holds.
type diffs struct {
	From string `json:"from"`
	// Bad is why the running document could not be compared.
	Bad string `json:"bad,omitempty"`
	// Drift is running against committed, Breaking committed against Before.
	Drift    []openapi.Difference `json:"drift"`
	Before   string               `json:"before,omitempty"`
	Breaking []openapi.Difference `json:"breaking"`
}

func (d diffs) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "running contract: %s\n", d.From)
	if d.Bad != "" {
		fmt.Fprintf(&b, "not a usable contract: %s\n", d.Bad)
	}
	section := func(title string, list []openapi.Difference) {
		fmt.Fprintf(&b, "\n%s: %d\n", title, len(list))
		for _, e := range list {
			fmt.Fprintf(&b, "- %s %s: %s\n    expected %s\n    observed %s\n", e.Subject, e.Where, e.Problem, e.Expected, e.Observed)
		}
	}
	section("differences from the committed contract", d.Drift)
	if d.Before == "" {
		b.WriteString("\nno release before to compare with\n")
	} else {
		section("breaking for clients of release "+d.Before, d.Breaking)
	}
	return b.String()
}

// judge compares one running document. The document is nil where it
// is none.
func judge(s gate.Subject, src source, committed *openapi.Doc, diffs *diffs, a *gate.Answer) *openapi.Doc {
	diffs.From = src.from
	var running *openapi.Doc
	bad := src.bad
	if bad == "" {
		var err error
		if running, err = openapi.Parse(src.content, src.yaml); err != nil {
			bad = err.Error()
		}
	}
	if bad != "" {
		diffs.Bad = bad
		f := contractBad(s, "the running contract", src.from+": "+bad, diffJSON)
		f.File, f.Fix = "", "see what the API answers there, and whether the image carries the committed contract"
		a.Findings = append(a.Findings, f)
		return nil
	}
	a.Inspected += len(running.Operations())
	drift, err := openapi.Compare(committed, running)
	if err != nil {
		f := contractBad(s, "the running contract", src.from+": "+err.Error(), diffJSON)
		a.Findings = append(a.Findings, f)
		return running
	}
	diffs.Drift = drift
	for _, d := range drift {
		f := finding(s, d, "build the image from the committed contract, or commit what runs")
		f.Evidence = diffJSON
		a.Findings = append(a.Findings, f)
	}
	return running
}

// againstBefore asks whether a rollback and old browser tabs work on.
// It reads the committed document: what runs is held against that.
func againstBefore(s gate.Subject, committed *openapi.Doc, diffs *diffs, a *gate.Answer) error {
	if diffs.Before == "" {
		return nil
	}
	before, err := openapi.Parse(s.Before.Contract, true)
	if err != nil {
		return fmt.Errorf("read the contract of release %s: %w", s.Before.ID, err)
	}
	breaking, err := openapi.Breaking(before, committed, s.Config.Gates.Auth.Header)
	diffs.Breaking = breaking
	for _, d := range breaking {
		f := finding(s, d, "add beside the old instead of changing it, and remove the old one release later")
		f.Rule, f.Problem = breaksClientsRule.ID, "breaks clients of release "+s.Before.ID+": "+f.Problem
		f.Evidence = diffJSON
		a.Findings = append(a.Findings, f)
	}
	return err
}

// keep writes the evidence. A running document that is none is kept
// as what it claims to be: a JSON string.
func keep(s gate.Subject, src source, running *openapi.Doc, diffs *diffs) error {
	var content any = map[string]any{"not_a_contract": stack.Short(strings.ToValidUTF8(string(src.content), "?"), 4000)}
	if running != nil {
		content = running.Root
	}
	if s.Artifacts == nil {
		return nil
	}
	return errors.Join(
		probe.JSON(s, artifact, content),
		probe.JSON(s, diffJSON, diffs),
		s.Artifacts.Artifact(diffText, []byte(diffs.text())),
	)
}

// openPaths asks every open GET that needs nothing, and wants an answer
// that the contract documents.
func openPaths(ctx context.Context, s gate.Subject, client *http.Client, d *openapi.Doc, a *gate.Answer) error {
	validator := schemas(s, d)
	for _, o := range d.Operations() {
		if o.Method != "get" || d.Guarded(o, s.Config.Gates.Auth.Header) || strings.Contains(o.Path, "{") || d.Needs(o) {
			continue
		}
		one, cancel := context.WithTimeout(ctx, s.Stretch(10*time.Second))
		req, err := http.NewRequestWithContext(one, http.MethodGet, "http://"+probe.Domain(s)+o.Path, nil)
		if err != nil {
			cancel()
			return err
		}
		reply, err := probe.Do(client, req, openapi.Limit)
		cancel()
		a.Inspected++
		f := stack.Finding{Subject: o.Name(), Evidence: diffJSON, Fix: "make the answer and the contract agree"}
		if err != nil {
			f.Rule, f.Problem, f.Expected, f.Observed = answersRule.ID, "no answer", "an answer that the contract documents", probe.Reason(err)
			a.Findings = append(a.Findings, f)
			continue
		}
		if told := toldRelease(reply); told != "" && told != s.Release.ID {
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = releaseRule.ID, "the answer is of another release", s.Release.ID, told, releaseRule.Fix
			a.Findings = append(a.Findings, f)
			continue
		}
		responses, _ := o.Op["responses"].(map[string]any)
		if problem := body(validator, o, reply); problem != "" {
			f.Rule, f.Problem, f.Expected, f.Observed = answersRule.ID, "the body does not fit its schema", "a body as documented for "+fmt.Sprint(reply.Status), problem
			a.Findings = append(a.Findings, f)
		} else if f.Rule, f.Problem = answersRule.ID, answer(d, responses, reply); f.Problem != "" {
			f.Expected = "one of " + strings.Join(openapi.Keys(responses), ", ") + " as documented"
			f.Observed = fmt.Sprintf("%d %s", reply.Status, stack.Short(reply.Header.Get("Content-Type"), 80))
			a.Findings = append(a.Findings, f)
		}
	}
	return nil
}

// toldRelease is the release that an answer names, in a header or in a member
// "release" of its body; "": none.
func toldRelease(reply probe.Reply) string {
	if header := reply.Header.Get("X-Release"); header != "" {
		return stack.Short(header, 80)
	}
	var body struct {
		Release any `json:"release"`
	}
	if reply.Cut || json.Unmarshal(reply.Body, &body) != nil || body.Release == nil {
		return ""
	}
	release, _ := body.Release.(string) // of another type: the schema's matter
	return stack.Short(release, 80)
}

// schemas is the committed contract for the validation of bodies; nil
// where the validator does not know its version.
func schemas(s gate.Subject, d *openapi.Doc) *openapi3.T {
	if d.V31 {
		return nil
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(s.Release.Contract)
	if err != nil {
		return nil // the static gate tells why
	}
	return doc
}

// body is where a JSON body does not fit its documented schema. It
// repeats no value.
func body(doc *openapi3.T, o openapi.Operation, reply probe.Reply) string {
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if doc == nil || reply.Cut || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return ""
	}
	response := doc.Paths.Value(o.Path).GetOperation(strings.ToUpper(o.Method)).Responses.Status(reply.Status)
	if response == nil || response.Value == nil {
		return ""
	}
	media := response.Value.Content[kind]
	if media == nil || media.Schema == nil || media.Schema.Value == nil {
		return ""
	}
	var body any
	if err := json.Unmarshal(reply.Body, &body); err != nil {
		return "not JSON"
	}
	err := media.Schema.Value.VisitJSON(body, openapi3.VisitAsResponse())
	var where *openapi3.SchemaError
	if errors.As(err, &where) {
		return stack.Short("/"+strings.Join(where.JSONPointer(), "/")+": "+where.Reason, 200)
	}
	if err != nil {
		return "it does not fit"
	}
	return ""
}

// answer is what is wrong with an answer; empty: nothing. A default
// response documents neither a 404 nor a failure of the server: with it alone
// a path that is not served would pass.
func answer(d *openapi.Doc, responses map[string]any, reply probe.Reply) string {
	code := fmt.Sprint(reply.Status)
	spec, ok := responses[code]
	if !ok {
		spec, ok = responses[code[:1]+"XX"]
	}
	if !ok && reply.Status != http.StatusNotFound && reply.Status < 500 {
		spec, ok = responses["default"]
	}
	switch {
	case !ok:
		return "answers with a status that is not documented"
	case reply.Status == http.StatusInternalServerError:
		return "answers with a failure of the server"
	}
	content := openapi.Media(d.Object(spec)["content"])
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if len(content) == 0 || len(reply.Body) == 0 && reply.Status != http.StatusOK {
		return ""
	}
	if !slices.ContainsFunc(openapi.Keys(content), func(k string) bool { return mediaMatches(k, kind) }) {
		return "answers with a content type that is not documented"
	}
	return ""
}

func mediaMatches(documented, kind string) bool {
	documented, _, _ = strings.Cut(documented, ";")
	if documented == "*/*" || documented == kind {
		return true
	}
	major, found := strings.CutSuffix(documented, "/*")
	return found && strings.HasPrefix(kind, major+"/")
}
