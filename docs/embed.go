// Package docs holds those of the documents that seance itself hands out.
package docs

import _ "embed"

// OpenAPI describes the API, in the form of OpenAPI 3.1. It is made of the
// code: see TestOpenAPI in internal/serve.
//
//go:embed openapi.json
var OpenAPI []byte
