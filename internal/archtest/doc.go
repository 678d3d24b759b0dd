// Package archtest checks that packages import only what stands below them:
// see docs/decisions/0008-imports-point-down.md.
package archtest
