package config

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of stackctl.yaml, for editors. It is
// made of the types that the file is decoded into, and of their comments.
func Schema() []byte { return schema }
