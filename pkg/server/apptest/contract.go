package apptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"stackctl/pkg/contract"
)

type document struct {
	doc    *openapi3.T
	router routers.Router
	err    error
}

var load = sync.OnceValue(func() document {
	doc, err := contract.Load()
	if err != nil {
		return document{err: err}
	}
	for _, kind := range []string{"text/html", "text/css"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
	}
	doc.Servers = nil // tests talk to the API itself, where there is no prefix
	router, err := legacy.NewRouter(doc)
	return document{doc: doc, router: router, err: err}
})

// check holds an answer against the contract. A status that the operation
// does not name is accepted only as an internal error.
func check(t testing.TB, req *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	d := load()
	if d.err != nil {
		t.Fatal(d.err)
	}
	route, params, err := d.router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s is no operation of the contract: %v", req.Method, req.URL.Path, err)
	}
	status := strconv.Itoa(resp.StatusCode)
	if route.Operation.Responses.Value(status) == nil {
		if resp.StatusCode == http.StatusInternalServerError {
			status = "default"
		} else {
			t.Errorf("%s gave %s, which the contract does not name: %s", route.Operation.OperationID, status, body)
		}
	}
	note(route.Operation.OperationID, status)
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		t.Errorf("%s gave an answer that is not as the contract says: %v\n%s", route.Operation.OperationID, err, body)
	}
}
