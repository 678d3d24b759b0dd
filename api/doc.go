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
//	GET  /v1/image       Image
//	GET  /v1/services    []Service
//	GET  /v1/handlers    Handlers
//	GET  /v1/hierarchy   process.State, as JSON
//	GET  /v1/hierarchy/events
//	                     stream of HierarchyChange; query: interval, such as 250ms
//	GET  /v1/logs        stream of LogLine; query: service (repeated), tail, follow
//	POST /v1/handlers    HandlerRequest → Handler
//	DELETE /v1/handlers/ID
//	POST /v1/categories  CategoryRequest
//	DELETE /v1/categories/NAME
//	POST /v1/snapshot    SnapshotRequest → stream of Event, the last one a result
//
// An error is a status of 400 or above with an [Error] as body.
package api
