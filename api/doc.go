// Package api is what a seance command, or any other program, says to a live
// image: the wire types, the places where a live image's socket is found, and
// a client.
//
// The API is HTTP with JSON bodies on a unix socket. Outside the image the
// monitor serves it on [Live.Socket]; inside, init serves the part of it that
// makes sense there on the socket named by the environment variable
// [EnvSocket]. Answers that take time (a boot, a snapshot, logs that are
// followed) are streams of JSON values, one a line.
//
// docs/api.md has all routes, docs/openapi.json describes them.
//
// An error is a status of 400 or above with an [Error] as body.
package api
