// Package contract owns the API contract: openapi.yaml, embedded, and the Go
// types and server interface that are generated from it. It must not know how
// an operation is carried out.
package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen --config config.yaml openapi.yaml

// YAML is openapi.yaml as it is committed.
//
//go:embed openapi.yaml
var YAML []byte

// Load reads the embedded contract. No reference in it may leave it.
func Load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(YAML)
	if err != nil {
		return nil, fmt.Errorf("read the embedded contract: %w", err)
	}
	return doc, nil
}

// JSON is the contract as JSON, which `server openapi` prints and
// /openapi.json serves.
func JSON(doc *openapi3.T) ([]byte, error) {
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the contract as JSON: %w", err)
	}
	return append(text, '\n'), nil
}

// Map is the contract as a JSON object.
func Map(doc *openapi3.T) (map[string]any, error) {
	text, err := JSON(doc)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(text, &m)
}
