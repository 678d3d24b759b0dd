// Package serve is the HTTP side of the API of a live image: one table of
// routes, and a handler that turns each request into a call by name.
//
// [Routes] is the table. A [Route] says what a request may carry, what is
// answered, and by which of init's calls; the API's description and the
// handler are both made of it. [Handler] serves the table over a [Caller]:
// for the monitor that is its link to init, inside the image and in
// `seance run` it is init itself. What has more to it than one call, such as
// a snapshot, is given by the owner; what the owner has no way to serve is
// answered with "not found".
//
//	serve.Handler(serve.Config{
//		Caller: peer,
//		Own:    map[string]http.Handler{"GET /v1/logs": logs},
//	})
//
// No answer holds up another one: a client that does not read blocks the
// goroutine of its own request and nothing else.
package serve
