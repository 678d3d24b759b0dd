package manifest

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of seance.yaml, for editors.
// What it refuses, Parse refuses; Parse finds more.
func Schema() []byte { return bytes.Clone(schema) }
