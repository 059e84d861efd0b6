// Package contract owns the API contract: openapi.yaml, embedded, and the Go
// types and server interface that are generated from it. It must not know how
// an operation is carried out.
package contract

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen --config config.yaml openapi.yaml

// YAML is openapi.yaml as it is committed.
//
//go:embed openapi.yaml
var YAML []byte
