package httpapi

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"stackctl/pkg/contract"
)

//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page load its own style sheet and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"

// GetDocs returns the contract as a page, outside production mode.
func (a *api) GetDocs(ctx context.Context, _ contract.GetDocsRequestObject) (contract.GetDocsResponseObject, error) {
	if a.docs == nil {
		return nil, errHidden
	}
	ctx.(*gin.Context).Header("Content-Security-Policy", docsPolicy)
	return contract.GetDocs200TexthtmlResponse{Body: bytes.NewReader(a.docs), ContentLength: int64(len(a.docs))}, nil
}

// GetDocsStyle returns the page's style sheet.
func (a *api) GetDocsStyle(context.Context, contract.GetDocsStyleRequestObject) (contract.GetDocsStyleResponseObject, error) {
	if a.docs == nil {
		return nil, errHidden
	}
	style, err := docsFiles.ReadFile("docs/style.css")
	return contract.GetDocsStyle200TextcssResponse{Body: bytes.NewReader(style), ContentLength: int64(len(style))}, err
}

type docsPage struct {
	Title, Version, Description string
	Groups                      []docsGroup
	Schemas                     []docsSchema
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description, Needs string
	Parameters                                    []docsMember
	Body                                          *docsType
	Answers                                       []docsAnswer
}

type docsAnswer struct {
	Status, Description string
	Body                docsType
}

type docsSchema struct {
	Name, Description string
	Type              docsType
	Members           []docsMember
}

type docsMember struct {
	Name     string
	Type     docsType
	Required bool
	Notes    string
}

// docsType is a type in words, with the schema that it leads to.
type docsType struct{ Text, Ref string }

// renderDocs draws the page once.
func renderDocs(doc *openapi3.T) ([]byte, error) {
	t, err := template.ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return nil, fmt.Errorf("read the API page: %w", err)
	}
	page := docsPage{Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description}
	for _, tag := range doc.Tags {
		page.Groups = append(page.Groups, docsGroup{Name: tag.Name, Description: tag.Description, Operations: operationsOf(doc, tag.Name)})
	}
	for _, name := range keysOf(doc.Components.Schemas) {
		s := doc.Components.Schemas[name].Value
		page.Schemas = append(page.Schemas, docsSchema{Name: name, Description: s.Description, Type: typeOf(&openapi3.SchemaRef{Value: s}), Members: membersOf(s)})
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page.html", page); err != nil {
		return nil, fmt.Errorf("draw the API page: %w", err)
	}
	return b.Bytes(), nil
}

func operationsOf(doc *openapi3.T, tag string) []docsOperation {
	var list []docsOperation
	for _, path := range keysOf(doc.Paths.Map()) {
		item := doc.Paths.Value(path).Operations()
		for _, method := range keysOf(item) {
			op := item[method]
			if !slices.Contains(op.Tags, tag) {
				continue
			}
			one := docsOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description, Needs: needsOf(op)}
			for _, p := range op.Parameters {
				one.Parameters = append(one.Parameters, docsMember{Name: p.Value.Name, Type: typeOf(p.Value.Schema), Required: p.Value.Required, Notes: p.Value.Description})
			}
			if op.RequestBody != nil {
				body := typeOf(op.RequestBody.Value.Content["application/json"].Schema)
				one.Body = &body
			}
			for _, status := range keysOf(op.Responses.Map()) {
				one.Answers = append(one.Answers, answerOf(status, op.Responses.Value(status).Value))
			}
			list = append(list, one)
		}
	}
	return list
}

func answerOf(status string, r *openapi3.Response) docsAnswer {
	a := docsAnswer{Status: status, Body: docsType{Text: "none"}}
	if r.Description != nil {
		a.Description = *r.Description
	}
	for _, kind := range keysOf(r.Content) {
		a.Body = typeOf(r.Content[kind].Schema)
		if a.Body.Ref == "" {
			a.Body.Text = kind
		}
	}
	return a
}

func needsOf(op *openapi3.Operation) string {
	var needs []string
	for _, one := range *op.Security {
		for _, name := range keysOf(one) {
			needs = append(needs, map[string]string{"session": "a session", "csrf": "a CSRF token"}[name])
		}
	}
	if len(needs) == 0 {
		return "nothing"
	}
	return strings.Join(needs, " and ")
}

func membersOf(s *openapi3.Schema) []docsMember {
	var list []docsMember
	for _, name := range keysOf(s.Properties) {
		p := s.Properties[name]
		list = append(list, docsMember{Name: name, Type: typeOf(p), Required: slices.Contains(s.Required, name), Notes: p.Value.Description})
	}
	return list
}

func typeOf(ref *openapi3.SchemaRef) docsType {
	if ref == nil || ref.Value == nil {
		return docsType{Text: "any"}
	}
	if name := ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]; name != "" {
		return docsType{Text: name, Ref: name}
	}
	s := ref.Value
	text := strings.Join(s.Type.Slice(), " or ")
	switch {
	case s.Type.Is("array"):
		inner := typeOf(s.Items)
		return docsType{Text: "array of " + inner.Text, Ref: inner.Ref}
	case len(s.Enum) > 0:
		text += " " + fmt.Sprint(s.Enum)
	case s.Format != "":
		text += " (" + s.Format + ")"
	}
	if s.MinLength > 0 || s.MaxLength != nil {
		most := "any number of"
		if s.MaxLength != nil {
			most = fmt.Sprint(*s.MaxLength)
		}
		text += fmt.Sprintf(", %d to %s characters", s.MinLength, most)
	}
	return docsType{Text: text}
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
