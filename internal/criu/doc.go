// Package criu is the hot freezer: it has CRIU write a running image to a
// folder, and bring one back from there. See criu(8).
//
// CRIU is driven over its RPC ("criu swrk") by go-criu. What it is told, and
// the mount tree that it needs around a restore, were found by measurement;
// each option says why it is there.
package criu
